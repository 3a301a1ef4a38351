from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.attributes import Attributes


T = TypeVar("T", bound="HitAnswer")


@_attrs_define
class HitAnswer:
    """An item that matches the search.

    Attributes:
        id (str):
        attributes (Attributes): The attributes that have a value, by name.
        image_url (str): path of the first image on this service; add ?size=320 for a thumbnail
        images (list[str]): paths of all images, the first one first; each may have a size, too
        image (int): number of the image that is nearest to the query, among `images`; 0 is the first; default 0
        score (float): cosine similarity of query and nearest image, also for re-ranked hits
        chance (float | None): chance that the item satisfies the query, 0 to 1; null if the model cannot tell it
        matched (list[str]): id, or attributes, that share words with the text, such as title; it may rank above its
            score
    """

    id: str
    attributes: Attributes
    image_url: str
    images: list[str]
    image: int
    score: float
    chance: float | None
    matched: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        attributes = self.attributes.to_dict()

        image_url = self.image_url

        images = self.images

        image = self.image

        score = self.score

        chance: float | None
        chance = self.chance

        matched = self.matched

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "attributes": attributes,
                "image_url": image_url,
                "images": images,
                "image": image,
                "score": score,
                "chance": chance,
                "matched": matched,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attributes import Attributes

        d = dict(src_dict)
        id = d.pop("id")

        attributes = Attributes.from_dict(d.pop("attributes"))

        image_url = d.pop("image_url")

        images = cast(list[str], d.pop("images"))

        image = d.pop("image")

        score = d.pop("score")

        def _parse_chance(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        chance = _parse_chance(d.pop("chance"))

        matched = cast(list[str], d.pop("matched"))

        hit_answer = cls(
            id=id,
            attributes=attributes,
            image_url=image_url,
            images=images,
            image=image,
            score=score,
            chance=chance,
            matched=matched,
        )

        hit_answer.additional_properties = d
        return hit_answer

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
