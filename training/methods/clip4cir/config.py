"""The config of CLIP4Cir's combiner, a baseline."""

from typing import ClassVar, Literal

from pydantic import Field

from training.data.config import TripletData
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section, TripletLoss


class CombinerConfig(Section):
    """The one stage: the combiner learns."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    data: TripletData
    loss: TripletLoss = TripletLoss()
    optim: OptimConfig
    loop: LoopConfig


class Clip4CirConfig(Section):
    """CLIP4Cir's combiner on a frozen CLIP, a baseline."""

    stages: ClassVar[tuple[str, ...]] = ("combiner",)

    method: Literal["clip4cir"]
    seed: int
    template: str = Field(default="{text}", pattern=r"^[^*]*\{text\}[^*]*$")
    backbone: BackboneConfig
    combiner: CombinerConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.combiner.loop.device
