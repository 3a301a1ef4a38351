from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.condition import Condition


T = TypeVar("T", bound="NamedAttribute")


@_attrs_define
class NamedAttribute:
    """A condition on an attribute that has the name of a key of Filter, such as `or`.

    Attributes:
        name (str):
        is_ (bool | Condition | float | list[bool | float | None | str] | None | str):
    """

    name: str
    is_: bool | Condition | float | list[bool | float | None | str] | None | str

    def to_dict(self) -> dict[str, Any]:
        from ..models.condition import Condition

        name = self.name

        is_: bool | dict[str, Any] | float | list[bool | float | None | str] | None | str
        if isinstance(self.is_, list):
            is_ = []
            for is_type_4_item_data in self.is_:
                is_type_4_item: bool | float | None | str
                is_type_4_item = is_type_4_item_data
                is_.append(is_type_4_item)

        elif isinstance(self.is_, Condition):
            is_ = self.is_.to_dict()
        else:
            is_ = self.is_

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "is": is_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.condition import Condition

        d = dict(src_dict)
        name = d.pop("name")

        def _parse_is_(data: object) -> bool | Condition | float | list[bool | float | None | str] | None | str:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                is_type_4 = []
                _is_type_4 = data
                for is_type_4_item_data in _is_type_4:

                    def _parse_is_type_4_item(data: object) -> bool | float | None | str:
                        if data is None:
                            return data
                        return cast(bool | float | None | str, data)

                    is_type_4_item = _parse_is_type_4_item(is_type_4_item_data)

                    is_type_4.append(is_type_4_item)

                return is_type_4
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                is_type_5 = Condition.from_dict(data)

                return is_type_5
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(bool | Condition | float | list[bool | float | None | str] | None | str, data)

        is_ = _parse_is_(d.pop("is"))

        named_attribute = cls(
            name=name,
            is_=is_,
        )

        return named_attribute
