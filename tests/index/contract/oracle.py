"""The exact search, written down naively: every item is looked at for every request."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from index.items import filters
from index.search.request import SAME, SearchRequest
from index.search.result_order import ResultOrder, SortKey
from models.arrays import Embeddings, normalised
from tests.index.contract.engines import COLOURS, SIZES, Thing
from tests.index.naive_filters import holds

GROUPED = ("colour", "stock", "sale", 'or "not\'s"', None, None, None)
SORTED = ("price", "stock", "since", "colour", "code")


@dataclass
class Expected:
    """The answer that each engine must give."""

    ids: list[str]
    scores: list[float]
    total: int
    facets: Mapping[str, Sequence[tuple[Any, int]]]
    ranges: Mapping[str, tuple[Any, Any]]
    matches: int | None


@dataclass
class Oracle:
    """All items in the order of their rows."""

    things: Sequence[Thing]
    vectors: Embeddings = field(init=False)

    def __post_init__(self) -> None:
        self.vectors = normalised(np.stack([thing.vector for thing in self.things]).astype(np.float32))

    def answer(self, query: Embeddings, given: Mapping[str, Any], request: SearchRequest) -> Expected:
        """The answer to a request whose filter and order were read from the `given` JSON."""
        scores = dict(enumerate((self.vectors @ query).round(6).tolist()))
        passing = [row for row, thing in enumerate(self.things) if holds(given.get("filter") or {}, thing.attributes)]
        ranking = sorted(passing, key=lambda row: (-scores[row], row))
        count = request.offset + request.k if request.order.is_plain else request.order.window
        pinned, hits = self._arranged(ranking, passing, request)
        hits = (pinned + hits)[:count]
        matches = None
        if not request.order.is_plain:
            front = [row for row in hits if row in pinned]
            rest = [row for row in hits if row not in pinned]
            hits = front + self._ordered(rest, scores, given, request)
            matches = None if request.order.min_score is None else len(hits)
        counted = hits if request.order.is_counted else passing
        page = hits[request.offset : request.offset + request.k]
        facets, ranges = self._facets(counted, request.facets)
        ids = [self.things[row].id for row in page]
        return Expected(ids, [scores[row] for row in page], len(passing), facets, ranges, matches)

    def _arranged(
        self, ranking: Sequence[int], passing: Sequence[int], request: SearchRequest
    ) -> tuple[list[int], list[int]]:
        """The pinned rows, and the others, without those that the rules leave out."""
        places = {thing.id: row for row, thing in enumerate(self.things)}
        pinned = [places[id] for id in dict.fromkeys(request.pinned) if id in places and places[id] in passing]
        references = [places[id] for id in request.references if id in places]
        seen: set[Any] = set()
        front: list[int] = []
        others: list[int] = []
        for row in [*pinned, *(row for row in ranking if row not in pinned)]:
            thing = self.things[row]
            if thing.id in request.exclude or thing.content in request.contents or self._is_same(row, references):
                continue
            group = None if request.group_by is None else thing.attributes.get(request.group_by)
            if group is not None and group in seen:
                continue
            if request.alike is not None and row not in pinned:
                hits = [*front, *others]
                if hits and (self.vectors[hits] @ self.vectors[row]).round(6).max() >= request.alike:
                    continue
            seen.add(group)
            (front if row in pinned else others).append(row)
        return front, others

    def _is_same(self, row: int, references: Sequence[int]) -> bool:
        if not references:
            return False
        return bool((self.vectors[references] @ self.vectors[row]).round(6).max() >= SAME) or row in references

    def _ordered(
        self, rows: Sequence[int], scores: Mapping[int, float], given: Mapping[str, Any], request: SearchRequest
    ) -> list[int]:
        order = request.order
        least = -math.inf if order.min_score is None else order.min_score
        found = [row for row in rows if scores[row] >= least]
        for key in reversed(order.sort):
            name = key.attribute
            if name is None:
                found.sort(key=scores.__getitem__, reverse=key.descending)
                continue
            values: dict[int, Any] = {row: self.things[row].attributes.get(name) for row in found}
            present = [row for row in found if values[row] is not None]
            present.sort(
                key=lambda row: str(values[row]).casefold() if isinstance(values[row], str) else values[row],
                reverse=key.descending,
            )
            found = present + [row for row in found if values[row] is None]
        if order.last is not None:
            found.sort(key=lambda row: holds(given["last"], self.things[row].attributes))
        return found

    def _facets(
        self, rows: Sequence[int], names: Sequence[str]
    ) -> tuple[Mapping[str, Sequence[tuple[Any, int]]], Mapping[str, tuple[Any, Any]]]:
        facets, ranges = {}, {}
        for name in names:
            values = [value for row in rows if (value := self.things[row].attributes.get(name)) is not None]
            members = [each for value in values for each in (value if isinstance(value, list) else [value])]
            facets[name] = sorted(Counter(members).items(), key=lambda pair: (-pair[1], pair[0]))[:100]
            numbers = [each for each in members if isinstance(each, int | float) and not isinstance(each, bool)]
            if numbers:
                ranges[name] = min(numbers), max(numbers)
        return facets, ranges


def drawn_filter(generator: np.random.Generator, depth: int = 2) -> dict[str, Any]:
    """A filter as JSON, of any kind."""
    kinds = 11 if depth else 8
    low = float(generator.integers(0, 120))
    match int(generator.integers(kinds)):
        case 0:
            return {"colour": [COLOURS[each] for each in generator.integers(0, len(COLOURS), 2)]}
        case 1:
            return {"price": {"gte": low, "lt": low + 60.5}}
        case 2:
            return {"stock": [0.0, 3, None][: 1 + int(generator.integers(3))]}
        case 3:
            return {"sale": [True, False, None][int(generator.integers(3))]}
        case 4:
            return {"tags": [SIZES[int(generator.integers(4))], None]}
        case 5:
            return {"since": {"gt": f"202{generator.integers(0, 7)}", "not": {"gte": "2026-05"}}}
        case 6:
            return {"code": {"gt": 2**53 + int(generator.integers(0, 4)), "lte": 2**53 + 4}}
        case 7:
            return {"attribute": {"name": 'or "not\'s"', "is": {"not": [f"g{generator.integers(9)}", None]}}}
        case 8:
            return {"not": drawn_filter(generator, depth - 1)}
        case 9:
            return {"or": [drawn_filter(generator, depth - 1), drawn_filter(generator, depth - 1)]}
        case _:
            return {"and": [drawn_filter(generator, depth - 1), drawn_filter(generator, depth - 1)]}


def drawn_request(generator: np.random.Generator, ids: Sequence[str]) -> tuple[dict[str, Any], SearchRequest]:
    """A request, and its filters as JSON."""

    def some(most: int) -> list[str]:
        return [ids[each] for each in generator.integers(0, len(ids), int(generator.integers(0, most + 1)))]

    given: dict[str, Any] = {}
    if generator.random() < 0.7:
        given["filter"] = drawn_filter(generator)
    order = ResultOrder()
    if generator.random() < 0.35:
        if generator.random() < 0.4:
            given["last"] = drawn_filter(generator, 0)
        names = list(dict.fromkeys(SORTED[each] for each in generator.integers(0, len(SORTED), 2)))
        order = ResultOrder(
            sort=tuple(SortKey(name, bool(generator.integers(2))) for name in names[: int(generator.integers(1, 3))]),
            last=filters.parse(given["last"]) if "last" in given else None,
            min_score=None if generator.random() < 0.5 else -0.05,
            window=int(generator.integers(20, 90)),
            is_counted=bool(generator.integers(2)),
        )
    rules = generator.random() < 0.5
    facets = ("colour", "price", "tags", "stock")[: int(generator.integers(0, 5))]
    request = SearchRequest(
        k=int(generator.integers(1, 26)),
        offset=int(generator.integers(0, 25)) if generator.random() < 0.4 else 0,
        filter=filters.parse(given["filter"]) if "filter" in given else None,
        exclude=frozenset(some(5)) if rules else frozenset(),
        pinned=tuple(some(3)) if rules else (),
        group_by=GROUPED[int(generator.integers(len(GROUPED)))] if rules else None,
        alike=0.6 if rules and generator.random() < 0.3 else None,
        references=tuple(some(1)) if rules else (),
        contents=frozenset(f"content of {id}" for id in some(2)) if rules else frozenset(),
        facets=facets,
        order=order,
    )
    return given, request
