from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.attribute_sort_order_type_0 import AttributeSortOrderType0, check_attribute_sort_order_type_0
from ..types import UNSET, Unset

T = TypeVar("T", bound="AttributeSort")


@_attrs_define
class AttributeSort:
    """One attribute to sort hits by.

    Attributes:
        attribute (str):
        order (AttributeSortOrderType0 | None | Unset): items without the attribute come last in both; default "asc"
    """

    attribute: str
    order: AttributeSortOrderType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        attribute = self.attribute

        order: None | str | Unset
        if isinstance(self.order, Unset):
            order = UNSET
        elif isinstance(self.order, str):
            order = self.order
        else:
            order = self.order

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "attribute": attribute,
            }
        )
        if order is not UNSET:
            field_dict["order"] = order

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        attribute = d.pop("attribute")

        def _parse_order(data: object) -> AttributeSortOrderType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                order_type_0 = check_attribute_sort_order_type_0(data)

                return order_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AttributeSortOrderType0 | None | Unset, data)

        order = _parse_order(d.pop("order", UNSET))

        attribute_sort = cls(
            attribute=attribute,
            order=order,
        )

        return attribute_sort
