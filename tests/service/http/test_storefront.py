"""GET /storefront and the settings that it returns."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import ConfigError
from service.settings import Settings

Inside = Callable[..., object]


def test_a_shop_without_settings_needs_no_key_and_has_no_basket(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/storefront")).json() == {
            "currency": None, "link": "link", "basket_url": None, "events_url": None, "public": True, "operator": True,
        }  # fmt: skip
        policy = (await client.get("/")).headers["content-security-policy"]
        assert "connect-src" not in policy

    inside(Settings(gallery=gallery), scenario)


def test_the_settings_of_a_shop_reach_its_pages(gallery: Path, inside: Inside) -> None:
    shop = {
        "currency": "CHF",
        "link": "",
        "basket_url": "https://shop.example/basket?add={id}",
        "events_url": "https://events.example/likebut?shop=7",
    }
    settings = Settings.read({f"LIKEBUT_{name.upper()}": value for name, value in shop.items()}, {})

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/storefront")).json() == {**shop, "link": None, "public": True, "operator": True}
        policy = (await client.get("/")).headers["content-security-policy"].split("; ")
        assert "connect-src 'self' https://events.example/likebut" in policy

    inside(settings.model_copy(update={"gallery": gallery}), scenario)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currency", "eur"),
        ("currency", "€"),
        ("basket_url", "https://shop.example/basket"),
        ("basket_url", "javascript:alert({id})"),
        ("basket_url", "/basket?add={id}"),
        ("events_url", "ftp://events.example"),
        ("events_url", "https://events.example; script-src *"),
        ("events_url", "https://a.example https://b.example"),
        ("public_rate_per_s", "-1"),
    ],
)
def test_settings_that_no_page_could_use_are_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"LIKEBUT_{name.upper()}"):
        Settings.read({f"LIKEBUT_{name.upper()}": value}, {})
