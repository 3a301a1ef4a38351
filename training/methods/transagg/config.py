"""The config of TransAgg, a baseline."""

from typing import ClassVar, Literal

from pydantic import Field

from training.data.config import TripletData
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section, TripletLoss


class AggregatingConfig(Section):
    """The one stage of TransAgg: the head learns."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    data: TripletData
    loss: TripletLoss = TripletLoss()  # the same
    optim: OptimConfig
    loop: LoopConfig


class TransAggConfig(Section):
    """TransAgg's head on a frozen CLIP, a baseline."""

    stages: ClassVar[tuple[str, ...]] = ("aggregating",)

    method: Literal["transagg"]
    seed: int
    template: str = Field(default="{text}", pattern=r"^[^*]*\{text\}[^*]*$")
    backbone: BackboneConfig
    aggregating: AggregatingConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.aggregating.loop.device
