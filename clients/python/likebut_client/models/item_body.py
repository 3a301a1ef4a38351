from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.attribute_changes import AttributeChanges
    from ..models.image import Image


T = TypeVar("T", bound="ItemBody")


@_attrs_define
class ItemBody:
    """The new state of an item, or for PATCH what changes in it.

    Attributes:
        image (Image | None | Unset): the only image, as base64 or url; null keeps the images of an existing item
        images (list[Image] | None | Unset): all images in place of `image`, the first one first; null keeps those of an
            existing item
        attributes (AttributeChanges | None | Unset): PUT: all attributes of the item, others are removed; {} removes
            all, and null keeps those of an existing item. PATCH: the attributes that change; null for one removes it, and
            all others stay
    """

    image: Image | None | Unset = UNSET
    images: list[Image] | None | Unset = UNSET
    attributes: AttributeChanges | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.attribute_changes import AttributeChanges
        from ..models.image import Image

        image: dict[str, Any] | None | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        elif isinstance(self.image, Image):
            image = self.image.to_dict()
        else:
            image = self.image

        images: list[dict[str, Any]] | None | Unset
        if isinstance(self.images, Unset):
            images = UNSET
        elif isinstance(self.images, list):
            images = []
            for images_type_0_item_data in self.images:
                images_type_0_item = images_type_0_item_data.to_dict()
                images.append(images_type_0_item)

        else:
            images = self.images

        attributes: dict[str, Any] | None | Unset
        if isinstance(self.attributes, Unset):
            attributes = UNSET
        elif isinstance(self.attributes, AttributeChanges):
            attributes = self.attributes.to_dict()
        else:
            attributes = self.attributes

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if image is not UNSET:
            field_dict["image"] = image
        if images is not UNSET:
            field_dict["images"] = images
        if attributes is not UNSET:
            field_dict["attributes"] = attributes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attribute_changes import AttributeChanges
        from ..models.image import Image

        d = dict(src_dict)

        def _parse_image(data: object) -> Image | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                image_type_0 = Image.from_dict(data)

                return image_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Image | None | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        def _parse_images(data: object) -> list[Image] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                images_type_0 = []
                _images_type_0 = data
                for images_type_0_item_data in _images_type_0:
                    images_type_0_item = Image.from_dict(images_type_0_item_data)

                    images_type_0.append(images_type_0_item)

                return images_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Image] | None | Unset, data)

        images = _parse_images(d.pop("images", UNSET))

        def _parse_attributes(data: object) -> AttributeChanges | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                attributes_type_0 = AttributeChanges.from_dict(data)

                return attributes_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AttributeChanges | None | Unset, data)

        attributes = _parse_attributes(d.pop("attributes", UNSET))

        item_body = cls(
            image=image,
            images=images,
            attributes=attributes,
        )

        return item_body
