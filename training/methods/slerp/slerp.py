"""A run of the baseline slerp, which learns nothing: it keeps its CLIP, so that it is exported as every other run."""

from pathlib import Path

from models.nets import weighted_sum
from models.nets.backbone import Backbone
from models.nets.slerp import SlerpComposeGraph, SlerpReferenceGraph
from training.bundles.onnx_graph import Graphs, Split
from training.engine import backbones
from training.methods.slerp.config import SlerpConfig


def begin(settings: SlerpConfig, out: Path) -> None:
    """Keeps the CLIP and its tokenizer in the folder `out`."""
    backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
    finished(settings, out)


def finished(settings: SlerpConfig, out: Path) -> Backbone:
    """A run's CLIP."""
    return backbones.backbone(settings.backbone, out, seed=settings.seed).requires_grad_(False)


def graphs(backbone: Backbone, *, share: float) -> Graphs:
    """Slerp's graphs, with `share` of the arc."""
    return Graphs(
        gallery=weighted_sum.ImageGraph(backbone),
        query=Split(SlerpReferenceGraph(backbone), SlerpComposeGraph(backbone, share=share), features=("image",)),
        text=weighted_sum.TextGraph(backbone),
    )
