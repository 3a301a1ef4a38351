"""The config of a small CLIP from random weights."""

from typing import ClassVar, Literal

from training.data.config import DrawnCaptions
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section


class ContrastConfig(Section):
    """A small CLIP from random weights."""

    stages: ClassVar[tuple[str, ...]] = ()  # it is one, in the run's folder itself

    method: Literal["contrast"]
    seed: int
    backbone: BackboneConfig
    data: DrawnCaptions
    optim: OptimConfig
    loop: LoopConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.loop.device
