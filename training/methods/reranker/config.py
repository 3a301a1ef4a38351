"""Config of the one stage."""

from pydantic import Field

from models.bundle import CANDIDATES
from training.data.config import DrawnTriplets
from training.engine.settings import LoopConfig, OptimConfig, Section


class RerankingNet(Section):
    """Sizes of the re-ranker."""

    width: int = Field(default=256, gt=0, multiple_of=8)
    layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class RerankingLoss(Section):
    """−log softmax of score / temperature over a query's own target and its candidates."""

    temperature: float = Field(default=0.05, gt=0)
    hardest: int = Field(default=24, ge=1, le=CANDIDATES)  # first candidates of each query, which every step sees
    drawn: int = Field(default=8, ge=0)  # other candidates, drawn anew for each step from those behind


class RerankingConfig(Section):
    """The one stage: the re-ranker learns from the ranking of a frozen bundle."""

    net: RerankingNet = RerankingNet()
    data: DrawnTriplets
    loss: RerankingLoss = RerankingLoss()
    optim: OptimConfig
    loop: LoopConfig
