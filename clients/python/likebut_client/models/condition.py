from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="Condition")


@_attrs_define
class Condition:
    """A range, whose bounds are all numbers or all texts; or what the attribute must not be.

    Attributes:
        gte (float | str | Unset):
        gt (float | str | Unset):
        lte (float | str | Unset):
        lt (float | str | Unset):
        not_ (bool | Condition | float | list[bool | float | None | str] | None | str | Unset):
    """

    gte: float | str | Unset = UNSET
    gt: float | str | Unset = UNSET
    lte: float | str | Unset = UNSET
    lt: float | str | Unset = UNSET
    not_: bool | Condition | float | list[bool | float | None | str] | None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        gte: float | str | Unset
        if isinstance(self.gte, Unset):
            gte = UNSET
        else:
            gte = self.gte

        gt: float | str | Unset
        if isinstance(self.gt, Unset):
            gt = UNSET
        else:
            gt = self.gt

        lte: float | str | Unset
        if isinstance(self.lte, Unset):
            lte = UNSET
        else:
            lte = self.lte

        lt: float | str | Unset
        if isinstance(self.lt, Unset):
            lt = UNSET
        else:
            lt = self.lt

        not_: bool | dict[str, Any] | float | list[bool | float | None | str] | None | str | Unset
        if isinstance(self.not_, Unset):
            not_ = UNSET
        elif isinstance(self.not_, list):
            not_ = []
            for not_type_4_item_data in self.not_:
                not_type_4_item: bool | float | None | str
                not_type_4_item = not_type_4_item_data
                not_.append(not_type_4_item)

        elif isinstance(self.not_, Condition):
            not_ = self.not_.to_dict()
        else:
            not_ = self.not_

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if gte is not UNSET:
            field_dict["gte"] = gte
        if gt is not UNSET:
            field_dict["gt"] = gt
        if lte is not UNSET:
            field_dict["lte"] = lte
        if lt is not UNSET:
            field_dict["lt"] = lt
        if not_ is not UNSET:
            field_dict["not"] = not_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_gte(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        gte = _parse_gte(d.pop("gte", UNSET))

        def _parse_gt(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        gt = _parse_gt(d.pop("gt", UNSET))

        def _parse_lte(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        lte = _parse_lte(d.pop("lte", UNSET))

        def _parse_lt(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        lt = _parse_lt(d.pop("lt", UNSET))

        def _parse_not_(
            data: object,
        ) -> bool | Condition | float | list[bool | float | None | str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                not_type_4 = []
                _not_type_4 = data
                for not_type_4_item_data in _not_type_4:

                    def _parse_not_type_4_item(data: object) -> bool | float | None | str:
                        if data is None:
                            return data
                        return cast(bool | float | None | str, data)

                    not_type_4_item = _parse_not_type_4_item(not_type_4_item_data)

                    not_type_4.append(not_type_4_item)

                return not_type_4
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                not_type_5 = Condition.from_dict(data)

                return not_type_5
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(bool | Condition | float | list[bool | float | None | str] | None | str | Unset, data)

        not_ = _parse_not_(d.pop("not", UNSET))

        condition = cls(
            gte=gte,
            gt=gt,
            lte=lte,
            lt=lt,
            not_=not_,
        )

        return condition
