"""The config of a re-ranker."""

from typing import ClassVar, Literal

from pydantic import Field

from models.bundle import CANDIDATES
from training.data.config import DrawnTriplets
from training.engine.settings import LoopConfig, OptimConfig, Section


class RerankingNet(Section):
    """The sizes of what learns."""

    width: int = Field(default=256, gt=0, multiple_of=8)
    layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class RerankingLoss(Section):
    """−log softmax of score / temperature over a query's own target and its candidates."""

    temperature: float = Field(default=0.05, gt=0)
    hardest: int = Field(default=24, ge=1, le=CANDIDATES)  # candidates of each query that are always there: the first
    drawn: int = Field(default=8, ge=0)  # others, drawn anew for each step from those behind them


class RerankingConfig(Section):
    """The one stage: the re-ranker learns, over the frozen bundle's ranking."""

    net: RerankingNet = RerankingNet()
    data: DrawnTriplets
    loss: RerankingLoss = RerankingLoss()
    optim: OptimConfig
    loop: LoopConfig


class RerankConfig(Section):
    """A re-ranker of what a bundle finds first."""

    stages: ClassVar[tuple[str, ...]] = ("reranking",)

    method: Literal["rerank"]
    seed: int
    bundle: str  # the folder of the model that ranks first; its CLIP must be frozen
    reranking: RerankingConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.reranking.loop.device
