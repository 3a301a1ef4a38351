"""The settings of the shop for pages, exactly as they are sent."""

from pydantic import BaseModel, Field


class StorefrontAnswer(BaseModel):
    """The shop's settings for pages."""

    currency: str | None = Field(
        description="currency of prices (ISO 4217), such as EUR; the attribute `currency` of an item takes precedence"
    )
    link: str | None = Field(description="attribute of an item that has the address of its own page")
    basket_url: str | None = Field(
        description="address that adds a product to the basket; {id} stands for its id, percent-encoded"
    )
    events_url: str | None = Field(description="address to which a page sends what was shown, clicked and added")
    public: bool = Field(description="whether a search needs no key")
    operator: bool = Field(description="whether the caller may use the routes of an operator at this address")
