from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.item_answer import ItemAnswer


T = TypeVar("T", bound="ItemsPage")


@_attrs_define
class ItemsPage:
    """A page of the items in the order of their ids.

    Attributes:
        items (list[ItemAnswer]):
        total (int): number of items that pass the filter, on all pages
        next_ (None | str): id to send as `after` for the next page; null on the last page
        snapshot (str): the snapshot that was read, with the changes since
    """

    items: list[ItemAnswer]
    total: int
    next_: None | str
    snapshot: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        total = self.total

        next_: None | str
        next_ = self.next_

        snapshot = self.snapshot

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "total": total,
                "next": next_,
                "snapshot": snapshot,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.item_answer import ItemAnswer

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = ItemAnswer.from_dict(items_item_data)

            items.append(items_item)

        total = d.pop("total")

        def _parse_next_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_ = _parse_next_(d.pop("next"))

        snapshot = d.pop("snapshot")

        items_page = cls(
            items=items,
            total=total,
            next_=next_,
            snapshot=snapshot,
        )

        items_page.additional_properties = d
        return items_page

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
