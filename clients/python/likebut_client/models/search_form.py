from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

from .. import types
from ..types import UNSET, File, FileTypes, Unset

if TYPE_CHECKING:
    from ..models.search_body import SearchBody


T = TypeVar("T", bound="SearchForm")


@_attrs_define
class SearchForm:
    """A search with an image file, as a multipart form.

    Attributes:
        image (File | Unset): the reference image file
        text (str | Unset): the change to the image
        k (int | Unset): number of hits
        query (SearchBody | Unset): A search: an image, a text, or both (the image, changed as the text says).
    """

    image: File | Unset = UNSET
    text: str | Unset = UNSET
    k: int | Unset = UNSET
    query: SearchBody | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        image: FileTypes | Unset = UNSET
        if not isinstance(self.image, Unset):
            image = self.image.to_tuple()

        text = self.text

        k = self.k

        query: dict[str, Any] | Unset = UNSET
        if not isinstance(self.query, Unset):
            query = self.query.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if image is not UNSET:
            field_dict["image"] = image
        if text is not UNSET:
            field_dict["text"] = text
        if k is not UNSET:
            field_dict["k"] = k
        if query is not UNSET:
            field_dict["query"] = query

        return field_dict

    def to_multipart(self) -> types.RequestFiles:
        files: types.RequestFiles = []

        if not isinstance(self.image, Unset):
            files.append(("image", self.image.to_tuple()))

        if not isinstance(self.text, Unset):
            files.append(("text", (None, str(self.text).encode(), "text/plain")))

        if not isinstance(self.k, Unset):
            files.append(("k", (None, str(self.k).encode(), "text/plain")))

        if not isinstance(self.query, Unset):
            files.append(("query", (None, json.dumps(self.query.to_dict()).encode(), "application/json")))

        return files

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.search_body import SearchBody

        d = dict(src_dict)
        _image = d.pop("image", UNSET)
        image: File | Unset
        if isinstance(_image, Unset):
            image = UNSET
        else:
            image = File(payload=BytesIO(_image))

        text = d.pop("text", UNSET)

        k = d.pop("k", UNSET)

        _query = d.pop("query", UNSET)
        query: SearchBody | Unset
        if isinstance(_query, Unset):
            query = UNSET
        else:
            query = SearchBody.from_dict(_query)

        search_form = cls(
            image=image,
            text=text,
            k=k,
            query=query,
        )

        return search_form
