from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="QueryImage")


@_attrs_define
class QueryImage:
    """An image of a query, or a part of it.

    Attributes:
        base64 (None | str | Unset): the image file in base64, with or without a data: prefix
        item_id (None | str | Unset): id of an item of the gallery; its image is used
        url (None | str | Unset): URL that the service downloads; only from hosts that its operator allows, by default
            none
        image (int | None | Unset): number of the image of the item of item_id; 0 is the first; default 0
        box (list[float] | None | Unset): the part of the image that counts: its left, top, right and bottom edge, as
            shares of the upright image's width and height
    """

    base64: None | str | Unset = UNSET
    item_id: None | str | Unset = UNSET
    url: None | str | Unset = UNSET
    image: int | None | Unset = UNSET
    box: list[float] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        base64: None | str | Unset
        if isinstance(self.base64, Unset):
            base64 = UNSET
        else:
            base64 = self.base64

        item_id: None | str | Unset
        if isinstance(self.item_id, Unset):
            item_id = UNSET
        else:
            item_id = self.item_id

        url: None | str | Unset
        if isinstance(self.url, Unset):
            url = UNSET
        else:
            url = self.url

        image: int | None | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        else:
            image = self.image

        box: list[float] | None | Unset
        if isinstance(self.box, Unset):
            box = UNSET
        elif isinstance(self.box, list):
            box = self.box

        else:
            box = self.box

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if base64 is not UNSET:
            field_dict["base64"] = base64
        if item_id is not UNSET:
            field_dict["item_id"] = item_id
        if url is not UNSET:
            field_dict["url"] = url
        if image is not UNSET:
            field_dict["image"] = image
        if box is not UNSET:
            field_dict["box"] = box

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_base64(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        base64 = _parse_base64(d.pop("base64", UNSET))

        def _parse_item_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        item_id = _parse_item_id(d.pop("item_id", UNSET))

        def _parse_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        url = _parse_url(d.pop("url", UNSET))

        def _parse_image(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        def _parse_box(data: object) -> list[float] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                box_type_0 = cast(list[float], data)

                return box_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | None | Unset, data)

        box = _parse_box(d.pop("box", UNSET))

        query_image = cls(
            base64=base64,
            item_id=item_id,
            url=url,
            image=image,
            box=box,
        )

        return query_image
