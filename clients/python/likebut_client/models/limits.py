from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Limits")


@_attrs_define
class Limits:
    """The largest values that the service accepts.

    Attributes:
        max_k (int): maximum number of hits of one search
        max_image_bytes (int): maximum size of an image file, in bytes
        max_text_chars (int): maximum length of a text, in characters
    """

    max_k: int
    max_image_bytes: int
    max_text_chars: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        max_k = self.max_k

        max_image_bytes = self.max_image_bytes

        max_text_chars = self.max_text_chars

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "max_k": max_k,
                "max_image_bytes": max_image_bytes,
                "max_text_chars": max_text_chars,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        max_k = d.pop("max_k")

        max_image_bytes = d.pop("max_image_bytes")

        max_text_chars = d.pop("max_text_chars")

        limits = cls(
            max_k=max_k,
            max_image_bytes=max_image_bytes,
            max_text_chars=max_text_chars,
        )

        limits.additional_properties = d
        return limits

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
