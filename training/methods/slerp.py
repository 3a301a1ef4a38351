"""Slerp, a baseline that learns nothing: the arc between the image and the text embedding of a CLIP."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from models.nets.backbone import Backbone
from models.nets.slerp import SlerpGraph
from models.nets.towers import Towers
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import OfVectors
from training.engine import backbones
from training.engine.distributed import World
from training.engine.settings import BackboneConfig, Section
from training.methods.clip_run import frozen_graphs


class SlerpConfig(Section):
    """A run of slerp, which only keeps its CLIP, so that it is exported as every other run."""

    stages: ClassVar[tuple[str, ...]] = ()
    device: ClassVar[str] = "cpu"
    triplets: ClassVar[None] = None

    method: Literal["slerp"]
    seed: int  # of a CLIP with random weights
    backbone: BackboneConfig
    share: float = Field(default=0.8, ge=0, le=1)  # of the arc, from the image to the text

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Write CLIP and its tokenizer to the folder `out`; see `Method.train`."""
        with world.first():
            backbones.write_tokenizer(self.backbone, out / backbones.TOKENIZER)
            self.best(out)

    def best(self, run: Path) -> Backbone:
        """Return the run's CLIP."""
        return backbones.backbone(self.backbone, run, seed=self.seed).requires_grad_(False)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a run; see `Method.finished`."""
        return slerp_model(
            self.best(run), name=self.backbone.name, share=self.share, tokenizer_file=run / backbones.TOKENIZER
        )


def slerp_model(backbone: Towers, *, name: str, share: float, tokenizer_file: Path) -> FinishedModel:
    """Return a CLIP, called `name` by open_clip, as the arc from its image to its text embedding."""
    return FinishedModel(
        method="slerp",
        backbone=name,
        template="{text}",
        text_weight=0.0,
        graphs=frozen_graphs(backbone.eval(), OfVectors(SlerpGraph(share=share))),
        tokenizer_file=tokenizer_file,
    )
