"""Middleware: without keys, a Host header with a name that DNS could point here is refused (DNS rebinding)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.auth import keys
from service.http.middleware import is_local_host
from service.settings import Settings

Inside = Callable[..., object]


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8000", "localhost.", "shop.localhost:1", "127.0.0.1", "127.0.0.1:8000", "10.1.2.3:80",
        "[::1]", "[::1]:8000", "[2606:4700::1111]:443",
    ],
)  # fmt: skip
def test_localhost_and_addresses_are_local(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "", ":8000", ".", "shop", "evil.example", "evil.example:8000", "localhost.evil.example", "notlocalhost",
        "127.0.0.1.evil.example:8000", "7f000001.rbndr.us", "127.0.0.1@evil.example", "127.0.0.1, evil.example",
        "evil.example:8000:127.0.0.1", "0x7f.example",
    ],
)  # fmt: skip
def test_every_other_name_is_not_local(host: str) -> None:
    assert not is_local_host(host)


def test_without_keys_a_foreign_host_name_is_refused(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}
        asked = ("DELETE", "/items/red-box"), ("POST", "/index"), ("POST", "/search"), ("GET", "/browse"), ("GET", "/")
        for method, path in (*asked, ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/nowhere")):
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 421, path
            assert answer.headers["content-type"] == "application/problem+json" and answer.headers["x-request-id"]
            assert answer.json()["type"] == "urn:likebut:problem:foreign-host"
            assert "127.0.0.1" in answer.json()["detail"] and "--keys FILE" in answer.json()["detail"]
        assert (await client.get("/items/red-box", headers={"Host": "[::1]:8000"})).status_code == 200
        assert 'rejected_total{reason="foreign-host"} 8.0' in (await client.get("/metrics")).text

    inside(Settings(gallery=gallery), scenario)


def test_without_keys_a_request_without_host_is_answered(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        request = client.build_request("GET", "/livez")
        del request.headers["Host"]
        assert (await client.send(request)).status_code == 200

    inside(Settings(gallery=gallery), scenario)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/%ff", "/items/%ff", "/images/a%c3", "/web/%c0%af", "/items/%ed%a0%80"])
def test_a_path_that_is_not_utf8_is_a_bad_request(gallery: Path, inside: Inside, path: str) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            answer = await client.request(method, path)
            assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
        assert (await client.get("/items/odd%2F%C3%BC%20%3F%23%26%252F..")).json()["id"] == "odd/ü ?#&%2F.."

    inside(Settings(gallery=gallery), scenario)


def test_with_keys_any_host_name_is_accepted(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "keys"
    secret = keys.add(path, name="shop", role="search", rate_per_s=None, burst=None)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = {"Host": "search.shop.example", "X-API-Key": secret}
        assert (await client.get("/limits", headers=headers)).status_code == 200

    inside(Settings(gallery=gallery, keys=path), scenario)
