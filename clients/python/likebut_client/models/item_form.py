from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

from .. import types
from ..types import UNSET, File, FileTypes, Unset

if TYPE_CHECKING:
    from ..models.attribute_changes import AttributeChanges


T = TypeVar("T", bound="ItemForm")


@_attrs_define
class ItemForm:
    """The new state of an item, or for PATCH what changes in it, as a multipart form.

    Attributes:
        image (list[File] | Unset): the image files of the item, the first one first: a part for each
        attributes (AttributeChanges | Unset): Attributes to write, by name; null for none.
    """

    image: list[File] | Unset = UNSET
    attributes: AttributeChanges | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        image: list[FileTypes] | Unset = UNSET
        if not isinstance(self.image, Unset):
            image = []
            for image_item_data in self.image:
                image_item = image_item_data.to_tuple()

                image.append(image_item)

        attributes: dict[str, Any] | Unset = UNSET
        if not isinstance(self.attributes, Unset):
            attributes = self.attributes.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if image is not UNSET:
            field_dict["image"] = image
        if attributes is not UNSET:
            field_dict["attributes"] = attributes

        return field_dict

    def to_multipart(self) -> types.RequestFiles:
        files: types.RequestFiles = []

        if not isinstance(self.image, Unset):
            for image_item_element in self.image:
                files.append(("image", image_item_element.to_tuple()))

        if not isinstance(self.attributes, Unset):
            files.append(("attributes", (None, json.dumps(self.attributes.to_dict()).encode(), "application/json")))

        return files

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attribute_changes import AttributeChanges

        d = dict(src_dict)
        _image = d.pop("image", UNSET)
        image: list[File] | Unset = UNSET
        if _image is not UNSET:
            image = []
            for image_item_data in _image:
                image_item = File(payload=BytesIO(image_item_data))

                image.append(image_item)

        _attributes = d.pop("attributes", UNSET)
        attributes: AttributeChanges | Unset
        if isinstance(_attributes, Unset):
            attributes = UNSET
        else:
            attributes = AttributeChanges.from_dict(_attributes)

        item_form = cls(
            image=image,
            attributes=attributes,
        )

        return item_form
