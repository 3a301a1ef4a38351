from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.search_body import SearchBody


T = TypeVar("T", bound="SearchesBody")


@_attrs_define
class SearchesBody:
    """Several searches, each answered separately.

    Attributes:
        searches (list[SearchBody]): each as in POST /search; an invalid one is answered by its problem and does not
            affect the others
    """

    searches: list[SearchBody]

    def to_dict(self) -> dict[str, Any]:
        searches = []
        for searches_item_data in self.searches:
            searches_item = searches_item_data.to_dict()
            searches.append(searches_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "searches": searches,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.search_body import SearchBody

        d = dict(src_dict)
        searches = []
        _searches = d.pop("searches")
        for searches_item_data in _searches:
            searches_item = SearchBody.from_dict(searches_item_data)

            searches.append(searches_item)

        searches_body = cls(
            searches=searches,
        )

        return searches_body
