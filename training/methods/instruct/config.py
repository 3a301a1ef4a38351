"""Configs of the two phases."""

from pydantic import Field

from training.data.config import TripletData
from training.engine.settings import LoopConfig, OptimConfig, Section, TripletLoss


class ReformulatingNet(Section):
    """The network of InstructCIR (B.2)."""

    crossed: bool = True  # whether the image tower reads the text
    checkpointed: bool = False  # gradient checkpointing: a third more time for a fraction of the memory


class ReformulatingLoss(TripletLoss):
    """Loss of the first phase."""

    captions: float = Field(default=0.0, ge=0)  # weight of the targets' captions, for search by text; 0 as in the paper


class Momentum(Section):
    """Momentum of the average that encodes the targets, rising linearly; `start` 0 is for no average."""

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
    """The second phase: the combiner's weight alone learns, on the first phase's triplets."""

    steps: int = Field(default=0, ge=0)  # batches of an epoch, however many triplets there are; 0: each triplet once
    optim: OptimConfig
    loop: LoopConfig
