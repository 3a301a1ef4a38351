from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="StorefrontAnswer")


@_attrs_define
class StorefrontAnswer:
    """The shop's settings for pages.

    Attributes:
        currency (None | str): currency of prices (ISO 4217), such as EUR; the attribute `currency` of an item takes
            precedence
        link (None | str): attribute of an item that has the address of its own page
        basket_url (None | str): address that adds a product to the basket; {id} stands for its id, percent-encoded
        events_url (None | str): address to which a page sends what was shown, clicked and added
        public (bool): whether a search needs no key
        operator (bool): whether the caller may use the routes of an operator at this address
    """

    currency: None | str
    link: None | str
    basket_url: None | str
    events_url: None | str
    public: bool
    operator: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        currency: None | str
        currency = self.currency

        link: None | str
        link = self.link

        basket_url: None | str
        basket_url = self.basket_url

        events_url: None | str
        events_url = self.events_url

        public = self.public

        operator = self.operator

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "currency": currency,
                "link": link,
                "basket_url": basket_url,
                "events_url": events_url,
                "public": public,
                "operator": operator,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_currency(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency = _parse_currency(d.pop("currency"))

        def _parse_link(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        link = _parse_link(d.pop("link"))

        def _parse_basket_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        basket_url = _parse_basket_url(d.pop("basket_url"))

        def _parse_events_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        events_url = _parse_events_url(d.pop("events_url"))

        public = d.pop("public")

        operator = d.pop("operator")

        storefront_answer = cls(
            currency=currency,
            link=link,
            basket_url=basket_url,
            events_url=events_url,
            public=public,
            operator=operator,
        )

        storefront_answer.additional_properties = d
        return storefront_answer

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
