"""A run of the baseline slerp, which learns nothing: it keeps its CLIP, so that it is exported as every other run."""

from pathlib import Path

from models.nets import weighted_sum
from models.nets.backbone import Backbone
from models.nets.slerp import ComposeGraph, ReferenceGraph
from training import origin
from training.graph import Graphs, Split
from training.settings.slerp import SlerpConfig


def begin(settings: SlerpConfig, out: Path) -> None:
    """Keeps the CLIP and its tokenizer in the folder `out`."""
    origin.write_tokenizer(settings.backbone, out / origin.TOKENIZER)
    finished(settings, out)


def finished(settings: SlerpConfig, out: Path) -> Backbone:
    """A run's CLIP."""
    return origin.backbone(settings.backbone, out, seed=settings.seed).requires_grad_(False)


def graphs(backbone: Backbone, *, share: float) -> Graphs:
    """Slerp's graphs, with `share` of the arc."""
    return Graphs(
        gallery=weighted_sum.Gallery(backbone),
        query=Split(ReferenceGraph(backbone), ComposeGraph(backbone, share=share), features=("image",)),
        text=weighted_sum.Text(backbone),
    )
