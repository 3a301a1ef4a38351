from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.browse_answer_facets import BrowseAnswerFacets
    from ..models.browse_answer_ranges import BrowseAnswerRanges
    from ..models.item_answer import ItemAnswer


T = TypeVar("T", bound="BrowseAnswer")


@_attrs_define
class BrowseAnswer:
    """A page of the gallery.

    Attributes:
        items (list[ItemAnswer]):
        total (int): number of items that pass the filter
        offset (int):
        facets (BrowseAnswerFacets): as in a search
        ranges (BrowseAnswerRanges): as in a search
        snapshot (str):
    """

    items: list[ItemAnswer]
    total: int
    offset: int
    facets: BrowseAnswerFacets
    ranges: BrowseAnswerRanges
    snapshot: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        total = self.total

        offset = self.offset

        facets = self.facets.to_dict()

        ranges = self.ranges.to_dict()

        snapshot = self.snapshot

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "total": total,
                "offset": offset,
                "facets": facets,
                "ranges": ranges,
                "snapshot": snapshot,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.browse_answer_facets import BrowseAnswerFacets
        from ..models.browse_answer_ranges import BrowseAnswerRanges
        from ..models.item_answer import ItemAnswer

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = ItemAnswer.from_dict(items_item_data)

            items.append(items_item)

        total = d.pop("total")

        offset = d.pop("offset")

        facets = BrowseAnswerFacets.from_dict(d.pop("facets"))

        ranges = BrowseAnswerRanges.from_dict(d.pop("ranges"))

        snapshot = d.pop("snapshot")

        browse_answer = cls(
            items=items,
            total=total,
            offset=offset,
            facets=facets,
            ranges=ranges,
            snapshot=snapshot,
        )

        browse_answer.additional_properties = d
        return browse_answer

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
