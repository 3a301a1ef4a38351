"""The config of InstructCIR."""

from typing import ClassVar, Literal

from pydantic import Field

from training.data.config import TripletData
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section, TripletLoss


class ReformulatingNet(Section):
    """The network of InstructCIR (B.2)."""

    crossed: bool = True  # whether the image tower reads the text
    checkpointed: bool = False  # gradient checkpointing: a third more time for a fraction of the memory


class ReformulatingLoss(TripletLoss):
    """Of InstructCIR's first phase."""

    captions: float = Field(default=0.0, ge=0)  # weight of the targets' captions, for search by text; 0 as in the paper


class Momentum(Section):
    """Of the average that encodes the targets, rising in a straight line; 0 for no average but the network itself."""

    start: float = Field(default=0.996, ge=0, lt=1)
    end: float = Field(default=1.0, ge=0, le=1)


class ReformulatingConfig(Section):
    """The first phase: both towers, the cross-attention and the predictor learn."""

    net: ReformulatingNet = ReformulatingNet()
    data: TripletData
    loss: ReformulatingLoss = ReformulatingLoss()
    momentum: Momentum = Momentum()
    optim: OptimConfig
    loop: LoopConfig


class CombiningConfig(Section):
    """The second phase: the weight of the combiner alone learns, on the first phase's triplets."""

    steps: int = Field(default=0, ge=0)  # batches of an epoch, however many triplets there are; 0: each triplet once
    optim: OptimConfig
    loop: LoopConfig


class InstructConfig(Section):
    """InstructCIR: an image tower that reads the wanted change."""

    stages: ClassVar[tuple[str, ...]] = ("reformulating", "combining")

    method: Literal["instruct"]
    seed: int
    template: str = Field(default="{text}", pattern=r"^[^*]*\{text\}[^*]*$")
    backbone: BackboneConfig
    reformulating: ReformulatingConfig
    combining: CombiningConfig

    @property
    def device(self) -> str:
        """Where its phases train."""
        return self.reformulating.loop.device
