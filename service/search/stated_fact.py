"""A fact that the words of a query state, with the phrase that states it."""

from dataclasses import dataclass

from index.phrases.fact import Fact


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A fact that a phrase states, with the number of the step that holds the phrase, if there are steps."""

    text: str
    step: int | None
    fact: Fact
