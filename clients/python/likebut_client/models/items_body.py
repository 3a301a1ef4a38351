from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.item_change import ItemChange


T = TypeVar("T", bound="ItemsBody")


@_attrs_define
class ItemsBody:
    """Many changes, made in order.

    Attributes:
        items (list[ItemChange]): the changes; an invalid one has its own result and stops no other
    """

    items: list[ItemChange]

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.item_change import ItemChange

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = ItemChange.from_dict(items_item_data)

            items.append(items_item)

        items_body = cls(
            items=items,
        )

        return items_body
