"""Phrases of a search that were read as facts, exactly as they are sent."""

from pydantic import BaseModel, Field, JsonValue

from service.schemas.results import AttributeSort
from service.search.stated_fact import StatedFact


class UnderstoodPhrase(BaseModel):
    """A phrase that was read as a fact, and not as a description of what to find."""

    text: str = Field(description="the phrase; send it in `literal` to have it read as words")
    start: int = Field(description="its place in the text, or in its step, in characters (code points)")
    end: int
    step: int | None = Field(description="number of the step that has it, from 0; null without steps")
    filter: dict[str, JsonValue] = Field(description="the condition that it became, as in `filter` of a search")
    sort: AttributeSort | None = Field(description="the order that it became, as in `sort` of a search")


def understood_phrase(stated: StatedFact) -> dict[str, object]:
    """Return the members of an UnderstoodPhrase as a dict."""
    fact, order = stated.fact, stated.fact.order
    return {
        "text": stated.text,
        "start": fact.start,
        "end": fact.end,
        "step": stated.step,
        "filter": fact.conditions,
        "sort": None if order is None else {"attribute": order.attribute, "order": order.order},
    }
