from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.attribute_answer_type import AttributeAnswerType, check_attribute_answer_type

T = TypeVar("T", bound="AttributeAnswer")


@_attrs_define
class AttributeAnswer:
    """An attribute of the items.

    Attributes:
        name (str):
        type_ (AttributeAnswerType):
        values (int): number of different values
        items (int): number of items that have a value
    """

    name: str
    type_: AttributeAnswerType
    values: int
    items: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_: str = self.type_

        values = self.values

        items = self.items

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "values": values,
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        type_ = check_attribute_answer_type(d.pop("type"))

        values = d.pop("values")

        items = d.pop("items")

        attribute_answer = cls(
            name=name,
            type_=type_,
            values=values,
            items=items,
        )

        attribute_answer.additional_properties = d
        return attribute_answer

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
