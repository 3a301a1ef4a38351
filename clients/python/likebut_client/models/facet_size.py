from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="FacetSize")


@_attrs_define
class FacetSize:
    """An attribute to count the values of, and how many values to return.

    Attributes:
        name (str):
        limit (int | None | Unset): number of values, the most frequent first; default 100
    """

    name: str
    limit: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        limit: int | None | Unset
        if isinstance(self.limit, Unset):
            limit = UNSET
        else:
            limit = self.limit

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
            }
        )
        if limit is not UNSET:
            field_dict["limit"] = limit

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        def _parse_limit(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        limit = _parse_limit(d.pop("limit", UNSET))

        facet_size = cls(
            name=name,
            limit=limit,
        )

        return facet_size
