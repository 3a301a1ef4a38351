from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.condition import Condition
    from ..models.named_attribute import NamedAttribute


T = TypeVar("T", bound="Filter")


@_attrs_define
class Filter:
    """Conditions on attributes, which must all hold. Every key but these four is an attribute. Its value means equality,
    null that it is missing, an array one of its values, an object a range or `not`. At most 1000 values in 200
    conditions, 16 levels deep.

        Attributes:
            and_ (list[Filter] | Unset): filters that must all hold
            or_ (list[Filter] | Unset): filters of which one must hold
            not_ (Filter | Unset): Conditions on attributes, which must all hold. Every key but these four is an attribute.
                Its value means equality, null that it is missing, an array one of its values, an object a range or `not`. At
                most 1000 values in 200 conditions, 16 levels deep.
            attribute (NamedAttribute | Unset): A condition on an attribute that has the name of a key of Filter, such as
                `or`.
    """

    and_: list[Filter] | Unset = UNSET
    or_: list[Filter] | Unset = UNSET
    not_: Filter | Unset = UNSET
    attribute: NamedAttribute | Unset = UNSET
    additional_properties: dict[str, bool | Condition | float | list[bool | float | None | str] | None | str] = (
        _attrs_field(init=False, factory=dict)
    )

    def to_dict(self) -> dict[str, Any]:
        from ..models.condition import Condition

        and_: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.and_, Unset):
            and_ = []
            for and_item_data in self.and_:
                and_item = and_item_data.to_dict()
                and_.append(and_item)

        or_: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.or_, Unset):
            or_ = []
            for or_item_data in self.or_:
                or_item = or_item_data.to_dict()
                or_.append(or_item)

        not_: dict[str, Any] | Unset = UNSET
        if not isinstance(self.not_, Unset):
            not_ = self.not_.to_dict()

        attribute: dict[str, Any] | Unset = UNSET
        if not isinstance(self.attribute, Unset):
            attribute = self.attribute.to_dict()

        field_dict: dict[str, Any] = {}
        for prop_name, prop in self.additional_properties.items():
            if isinstance(prop, list):
                field_dict[prop_name] = []
                for additional_property_type_4_item_data in prop:
                    additional_property_type_4_item: bool | float | None | str
                    additional_property_type_4_item = additional_property_type_4_item_data
                    field_dict[prop_name].append(additional_property_type_4_item)

            elif isinstance(prop, Condition):
                field_dict[prop_name] = prop.to_dict()
            else:
                field_dict[prop_name] = prop

        field_dict.update({})
        if and_ is not UNSET:
            field_dict["and"] = and_
        if or_ is not UNSET:
            field_dict["or"] = or_
        if not_ is not UNSET:
            field_dict["not"] = not_
        if attribute is not UNSET:
            field_dict["attribute"] = attribute

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.condition import Condition
        from ..models.named_attribute import NamedAttribute

        d = dict(src_dict)
        _and_ = d.pop("and", UNSET)
        and_: list[Filter] | Unset = UNSET
        if _and_ is not UNSET:
            and_ = []
            for and_item_data in _and_:
                and_item = Filter.from_dict(and_item_data)

                and_.append(and_item)

        _or_ = d.pop("or", UNSET)
        or_: list[Filter] | Unset = UNSET
        if _or_ is not UNSET:
            or_ = []
            for or_item_data in _or_:
                or_item = Filter.from_dict(or_item_data)

                or_.append(or_item)

        _not_ = d.pop("not", UNSET)
        not_: Filter | Unset
        if isinstance(_not_, Unset):
            not_ = UNSET
        else:
            not_ = Filter.from_dict(_not_)

        _attribute = d.pop("attribute", UNSET)
        attribute: NamedAttribute | Unset
        if isinstance(_attribute, Unset):
            attribute = UNSET
        else:
            attribute = NamedAttribute.from_dict(_attribute)

        filter_ = cls(
            and_=and_,
            or_=or_,
            not_=not_,
            attribute=attribute,
        )

        additional_properties = {}
        for prop_name, prop_dict in d.items():

            def _parse_additional_property(
                data: object,
            ) -> bool | Condition | float | list[bool | float | None | str] | None | str:
                if data is None:
                    return data
                try:
                    if not isinstance(data, list):
                        raise TypeError()
                    additional_property_type_4 = []
                    _additional_property_type_4 = data
                    for additional_property_type_4_item_data in _additional_property_type_4:

                        def _parse_additional_property_type_4_item(data: object) -> bool | float | None | str:
                            if data is None:
                                return data
                            return cast(bool | float | None | str, data)

                        additional_property_type_4_item = _parse_additional_property_type_4_item(
                            additional_property_type_4_item_data
                        )

                        additional_property_type_4.append(additional_property_type_4_item)

                    return additional_property_type_4
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    additional_property_type_5 = Condition.from_dict(data)

                    return additional_property_type_5
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(bool | Condition | float | list[bool | float | None | str] | None | str, data)

            additional_property = _parse_additional_property(prop_dict)

            additional_properties[prop_name] = additional_property

        filter_.additional_properties = additional_properties
        return filter_

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> bool | Condition | float | list[bool | float | None | str] | None | str:
        return self.additional_properties[key]

    def __setitem__(
        self, key: str, value: bool | Condition | float | list[bool | float | None | str] | None | str
    ) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
