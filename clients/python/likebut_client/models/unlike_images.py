from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="UnlikeImages")


@_attrs_define
class UnlikeImages:
    """Images of the gallery that are unlike those that its model knows.

    Attributes:
        share (float): share of the images, changes since the snapshot included
        many (bool): whether the share is at least 0.2, so that searches may find little
        advice (None | str): sentence on how to get a model of such images; null unless `many`
        commands (list[str]): the commands of the advice that make a model; empty unless `many`
    """

    share: float
    many: bool
    advice: None | str
    commands: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        share = self.share

        many = self.many

        advice: None | str
        advice = self.advice

        commands = self.commands

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "share": share,
                "many": many,
                "advice": advice,
                "commands": commands,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        share = d.pop("share")

        many = d.pop("many")

        def _parse_advice(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        advice = _parse_advice(d.pop("advice"))

        commands = cast(list[str], d.pop("commands"))

        unlike_images = cls(
            share=share,
            many=many,
            advice=advice,
            commands=commands,
        )

        unlike_images.additional_properties = d
        return unlike_images

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
