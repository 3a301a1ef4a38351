from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.hit_answer import HitAnswer
    from ..models.search_answer_facets import SearchAnswerFacets
    from ..models.search_answer_ranges import SearchAnswerRanges
    from ..models.search_answer_took_ms import SearchAnswerTookMs
    from ..models.understood_phrase import UnderstoodPhrase


T = TypeVar("T", bound="SearchAnswer")


@_attrs_define
class SearchAnswer:
    """The hits, best first.

    Attributes:
        hits (list[HitAnswer]):
        total (int): number of items that pass the filter
        matches (int | None): with min_score or min_chance: number of hits among the first `window` that reach it, on
            all pages
        facets (SearchAnswerFacets): the most frequent values of each requested attribute
        ranges (SearchAnswerRanges): the range of each requested attribute that holds numbers
        understood (list[UnderstoodPhrase]): facts that were read in the words, in their order
        snapshot (str): the snapshot that was searched
        model (str): the model that encoded the query
        took_ms (SearchAnswerTookMs): milliseconds of each stage, and in total
        notes (list[str]): remarks for the caller, for example that the text was truncated
        diagnostics (list[str]): how the search was done, for operators: not meant for shoppers
    """

    hits: list[HitAnswer]
    total: int
    matches: int | None
    facets: SearchAnswerFacets
    ranges: SearchAnswerRanges
    understood: list[UnderstoodPhrase]
    snapshot: str
    model: str
    took_ms: SearchAnswerTookMs
    notes: list[str]
    diagnostics: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        hits = []
        for hits_item_data in self.hits:
            hits_item = hits_item_data.to_dict()
            hits.append(hits_item)

        total = self.total

        matches: int | None
        matches = self.matches

        facets = self.facets.to_dict()

        ranges = self.ranges.to_dict()

        understood = []
        for understood_item_data in self.understood:
            understood_item = understood_item_data.to_dict()
            understood.append(understood_item)

        snapshot = self.snapshot

        model = self.model

        took_ms = self.took_ms.to_dict()

        notes = self.notes

        diagnostics = self.diagnostics

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "hits": hits,
                "total": total,
                "matches": matches,
                "facets": facets,
                "ranges": ranges,
                "understood": understood,
                "snapshot": snapshot,
                "model": model,
                "took_ms": took_ms,
                "notes": notes,
                "diagnostics": diagnostics,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.hit_answer import HitAnswer
        from ..models.search_answer_facets import SearchAnswerFacets
        from ..models.search_answer_ranges import SearchAnswerRanges
        from ..models.search_answer_took_ms import SearchAnswerTookMs
        from ..models.understood_phrase import UnderstoodPhrase

        d = dict(src_dict)
        hits = []
        _hits = d.pop("hits")
        for hits_item_data in _hits:
            hits_item = HitAnswer.from_dict(hits_item_data)

            hits.append(hits_item)

        total = d.pop("total")

        def _parse_matches(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        matches = _parse_matches(d.pop("matches"))

        facets = SearchAnswerFacets.from_dict(d.pop("facets"))

        ranges = SearchAnswerRanges.from_dict(d.pop("ranges"))

        understood = []
        _understood = d.pop("understood")
        for understood_item_data in _understood:
            understood_item = UnderstoodPhrase.from_dict(understood_item_data)

            understood.append(understood_item)

        snapshot = d.pop("snapshot")

        model = d.pop("model")

        took_ms = SearchAnswerTookMs.from_dict(d.pop("took_ms"))

        notes = cast(list[str], d.pop("notes"))

        diagnostics = cast(list[str], d.pop("diagnostics"))

        search_answer = cls(
            hits=hits,
            total=total,
            matches=matches,
            facets=facets,
            ranges=ranges,
            understood=understood,
            snapshot=snapshot,
            model=model,
            took_ms=took_ms,
            notes=notes,
            diagnostics=diagnostics,
        )

        search_answer.additional_properties = d
        return search_answer

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
