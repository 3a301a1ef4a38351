"""Callers without a key: they may search at a rate of their address, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import ConfigError
from service.auth import keys
from service.auth.client_address import client_network, networks
from service.auth.guard import Guard
from service.settings import Settings
from tests.service.auth.conftest import bearer

Inside = Callable[..., object]
SEARCH = {"text": "a red ball", "k": 1}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    keys.add(tmp_path / "keys", name="ops", role="admin", rate_per_s=None, burst=None)
    return tmp_path / "keys"


@pytest.mark.slow
def test_a_caller_without_a_key_may_search_at_its_rate_and_no_more(
    gallery: Path, key_file: Path, inside: Inside
) -> None:
    own = bearer(keys.add(key_file, name="own", role="search", rate_per_s=None, burst=None))
    settings = Settings(gallery=gallery, keys=key_file, public_rate_per_s=0.01, burst=3, currency="EUR")
    listing = {"X-Forwarded-For": "203.0.113.10"}

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        front = (await client.get("/storefront")).json()
        assert front["public"] is True and front["currency"] == "EUR" and front["basket_url"] is None
        others = [(await client.get("/limits", headers=listing)).status_code for _ in range(32)]
        assert others == [200] * 30 + [429] * 2  # each counts a tenth
        statuses = [(await client.post("/search", json=SEARCH)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await client.post("/search", json=SEARCH)
        assert "no key" in refused.json()["detail"] and int(refused.headers["retry-after"]) > 1
        elsewhere = {"X-Forwarded-For": "203.0.113.9"}  # the tests' client is a trusted proxy
        assert (await client.post("/search", json=SEARCH, headers=elsewhere)).status_code == 200
        assert (await client.post("/search", json=SEARCH, headers=own)).status_code == 200
        assert (await client.post("/search", json=SEARCH, headers=bearer("wrong"))).status_code == 401
        for method, path in (("GET", "/index"), ("GET", "/metrics"), ("DELETE", "/items/x"), ("POST", "/index")):
            assert (await client.request(method, path)).status_code == 401

    inside(settings, scenario)


@pytest.mark.slow
def test_without_the_setting_a_key_is_needed(gallery: Path, key_file: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/storefront")).json()["public"] is False
        assert (await client.post("/search", json=SEARCH)).status_code == 401

    inside(Settings(gallery=gallery, keys=key_file), scenario)


def test_a_public_rate_without_keys_is_refused() -> None:
    with pytest.raises(ConfigError, match="public_rate_per_s"):
        Guard(Settings(public_rate_per_s=1.0))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7/32"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7/32"),  # no proxy of ours: it may have made that up
        ("127.0.0.1", "198.51.100.1", "198.51.100.1/32"),
        ("127.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.1/32"),
        ("127.0.0.1", "198.51.100.1, 10.0.0.4", "198.51.100.1/32"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1/32"),
        ("127.0.0.1", "nonsense", "unknown"),
        ("127.0.0.1", "", "127.0.0.1/32"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("::1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "", "203.0.113.7/32"),
        ("", "", "unknown"),
    ],
)
def test_the_address_of_a_caller_is_the_last_that_no_proxy_has(peer: str, forwarded: str, expected: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": headers}
    assert client_network(scope, networks("127.0.0.1,::1,10.0.0.0/8")) == expected
