from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SuggestionAnswer")


@_attrs_define
class SuggestionAnswer:
    """A text to search for.

    Attributes:
        text (str):
        attribute (None | str): the attribute that has it as a value; null for words of several
        count (int): number of items that have it; many are not all counted
    """

    text: str
    attribute: None | str
    count: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        attribute: None | str
        attribute = self.attribute

        count = self.count

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text": text,
                "attribute": attribute,
                "count": count,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        def _parse_attribute(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        attribute = _parse_attribute(d.pop("attribute"))

        count = d.pop("count")

        suggestion_answer = cls(
            text=text,
            attribute=attribute,
            count=count,
        )

        suggestion_answer.additional_properties = d
        return suggestion_answer

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
