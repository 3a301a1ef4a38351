"""The answer with completions of a text, exactly as it is sent."""

import dataclasses
from collections.abc import Sequence

from pydantic import BaseModel, Field

from index.search.suggestions import Suggestion


class SuggestionAnswer(BaseModel):
    """A text to search for."""

    text: str
    attribute: str | None = Field(description="the attribute that has it as a value; null for words of several")
    count: int = Field(description="number of items that have it; many are not all counted")


class SuggestionsAnswer(BaseModel):
    """The suggestions, best first."""

    suggestions: list[SuggestionAnswer]
    snapshot: str


def suggestions_answer(suggestions: Sequence[Suggestion], snapshot: str) -> dict[str, object]:
    """Return the members of a SuggestionsAnswer as a dict."""
    return {"suggestions": [dataclasses.asdict(each) for each in suggestions], "snapshot": snapshot}
