"""Interfaces of a method: a config that can train, and a finished model that can be exported."""

from pathlib import Path
from typing import Protocol

from models.bundle import Manifest
from training.data.config import TripletStates
from training.engine.distributed import World
from training.engine.settings import LoopConfig


class Exportable(Protocol):
    """A finished model."""

    def export(self, out: Path, *, config: str, text_weight: float | None, compact: bool) -> Manifest:
        """Write the bundle at `out` and return its manifest.

        `config` is the text of the training config; a `text_weight` replaces the method's own default. With `compact`
        its matrices are rounded. Raises BundleBroken, with nothing written at `out`, if ONNX Runtime and
        torch disagree.
        """


class Method(Protocol):
    """A training method, as the config of one run. Its folder or file in `training/methods` holds all of it.

    To add a method, write a config class with these members and name it in `config.AnyConfig`.
    """

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages in their order; empty if the run has no stage folders."""

    @property
    def method(self) -> str:
        """The config's discriminator."""

    @property
    def device(self) -> str:
        """The device that all stages train on, as torch names it."""

    @property
    def triplets(self) -> tuple[TripletStates, LoopConfig] | None:
        """The triplets that the method learns from and how long, or None if it learns from none."""

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train in the folder `out`, or resume there, up to the stage `until`.

        Raises ConfigError if the config does not fit the data or its weights.
        """

    def finished(self, run: Path, *, stage: str) -> Exportable:
        """Return the model of a finished run with its best weights, up to `stage`; raises ConfigError if any lack."""
