"""The fields of a search that order, limit and shorten its results."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from index.items import filters
from index.items.facets import MOST
from index.items.filters import Filter
from index.search.result_order import MAX_WINDOW, WINDOW, ResultOrder, SortKey
from models.errors import InputError
from service.errors import Unusable, invalid_body
from service.schemas.body import RequestBody

MAX_VALUES = 1_000  # of a facet
ANY: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
CONDITIONS = TypeAdapter(dict[str, JsonValue])
AttributeName = Annotated[str, Field(max_length=1024)]


class AttributeSort(RequestBody):
    """One attribute to sort hits by."""

    attribute: AttributeName
    order: Literal["asc", "desc"] = Field("asc", description="items without the attribute come last in both")


class FacetSize(RequestBody):
    """An attribute to count the values of, and how many values to return."""

    name: AttributeName
    limit: int = Field(MOST, ge=1, le=MAX_VALUES, description="number of values, the most frequent first")


class ResultFields(RequestBody):
    """Fields of a search that choose what is returned of its results, and in which order."""

    facets: list[AttributeName | FacetSize] = Field(
        [],
        max_length=20,
        description="attributes to count the values of, over all items that pass the filter: names, or objects with a"
        " limit of their own",
        examples=[["brand", {"name": "colour", "limit": 500}]],
    )

    sort: list[Literal["score"] | AttributeSort] = Field(
        [],
        max_length=5,
        description="what to sort the first `window` hits by, the most important key first; ties stay as ranked",
        examples=[[{"attribute": "price", "order": "asc"}]],
    )
    last: dict[str, JsonValue] = Field(
        {},
        description="a filter: hits for which it holds come after all others of the first `window`",
        examples=[{"in_stock": False}],
    )
    min_score: float | None = Field(
        None, ge=-1, le=1, description="hits among the first `window` with a lower score are left out"
    )
    min_chance: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="hits among the first `window` with a lower chance are left out; for a model that tells chances",
    )
    window: int = Field(
        WINDOW,
        ge=1,
        le=MAX_WINDOW,
        description="number of first hits that sort, last, min_score and min_chance apply to; with one of these, no"
        " later hit is returned",
    )
    facet_scope: Literal["filter", "hits"] = Field(
        "filter",
        description="items that `facets` and `ranges` count: all that pass the filter, or the first `window` hits, and"
        " of these the ones that reach min_score or min_chance",
    )
    fields: list[AttributeName] | None = Field(
        None, max_length=100, description="attributes to return of each hit; null returns all, [] none"
    )


def order(body: ResultFields) -> ResultOrder:
    """Return the order that a body describes; raises InputError for an invalid filter."""
    keys = [
        SortKey(None, descending=True) if key == "score" else SortKey(key.attribute, descending=key.order == "desc")
        for key in body.sort
    ]
    last = filters.parse(body.last) if body.last else None
    return ResultOrder(tuple(keys), last, body.min_score, body.window, body.facet_scope == "hits")


def facet_limits(body: ResultFields) -> dict[str, int]:
    """Return for each attribute whose values are to be counted how many of them to return."""
    return {
        facet if isinstance(facet, str) else facet.name: MOST if isinstance(facet, str) else facet.limit
        for facet in body.facets
    }


def parameters(*, sort: str, last: str, facets: str) -> ResultFields:
    """Return the fields of a query string, each of them JSON or empty; raises Unusable."""
    members: dict[str, JsonValue] = {}
    for name, text in (("sort", sort), ("last", last), ("facets", facets)):
        if text:
            try:
                members[name] = ANY.validate_json(text)
            except ValidationError as error:
                raise Unusable(f"{name}: no JSON", fields=[{"field": name, "detail": "no JSON"}]) from error
    try:
        return ResultFields.model_validate(members)
    except ValidationError as error:
        raise invalid_body(error) from error


def json_filter(text: str) -> Filter | None:
    """Return the filter of a query string, JSON or empty, None if it has no condition; raises Unusable."""
    try:
        conditions = CONDITIONS.validate_json(text or "{}")
        return filters.parse(conditions) if conditions else None
    except (ValidationError, InputError) as error:
        cause = str(error) if isinstance(error, InputError) else "no JSON object"
        raise Unusable(f"filter: {cause}", fields=[{"field": "filter", "detail": cause}]) from error
