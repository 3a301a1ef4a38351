"""Requests to a model and its replies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt, with an image if there is one to describe."""

    prompt: str
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Text of a reply, and the tokens it took."""

    text: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason that a request has no answer. It is noted, not stored: the next run sends the request again."""

    reason: str


Answer = Reply | Refusal


class AnsweringModel(Protocol):
    """Model that answers requests: an endpoint or a model on this machine."""

    @property
    def name(self) -> str:
        """Identity: two models that may answer differently have different names."""

    @property
    def batch(self) -> int:
        """The most requests of one call."""

    @property
    def concurrency(self) -> int:
        """The most calls at the same time, each in a thread of its own."""

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer]:
        """Answer each request, with a whole text or a refusal.

        Raises ModelRefused if a request prevents the whole call, ModelError if none can be answered.
        """

    def stop(self) -> None:
        """End the current calls as soon as possible; none follow."""
