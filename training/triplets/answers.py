"""What a model is asked and what it answers, each answer once and for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked; the picture where there is one to look at."""

    prompt: str
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What it says, and how many tokens that took."""

    text: str
    prompt_tokens: int
    completion_tokens: int


class AnsweringModel(Protocol):
    """Words for a request: an endpoint or a model on this machine."""

    @property
    def name(self) -> str:
        """Its identity: two models that may answer differently have different names."""

    @property
    def batch(self) -> int:
        """The most requests of one call."""

    @property
    def concurrency(self) -> int:
        """How many calls may be under way, each in a thread of its own."""

    def answer(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each; raises ModelRefused for a request that has none, ModelError where nothing has any."""

    def stop(self) -> None:
        """Brings the calls under way to an end as soon as may be; none follow."""
