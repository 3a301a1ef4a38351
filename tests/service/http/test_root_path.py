"""Serving below a path, behind a proxy that strips the path or leaves it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import ConfigError
from service.settings import Settings
from tests.service.prefixing_proxy import proxy

Inside = Callable[..., object]
Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def below(gallery: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with a root path."""
    own = tmp_path_factory.mktemp("below") / "gallery"  # a job changes it
    shutil.copytree(gallery, own)
    with serve("--gallery", own, "--root-path", "/shop/api/") as address:
        yield address


@pytest.mark.parametrize("strip", [True, False])
def test_addresses_lead_through_the_proxy(below: str, strip: bool) -> None:
    with proxy(below, below="/shop/api", strip=strip) as address, httpx.Client(base_url=address) as client:
        origin = address.removesuffix("/shop/api")
        hit = client.post("/search", json={"text": "ball", "k": 1}).json()["hits"][0]
        (several,) = client.post("/searches", json={"searches": [{"text": "ball", "k": 1}]}).json()["answers"]
        browsed = client.get("/browse", params={"limit": 30}).json()["items"]
        assert several["hits"][0]["image_url"] == hit["image_url"] == f"/shop/api/images/{hit['id']}"
        for item in [hit, *browsed]:
            assert client.get(origin + item["image_url"]).headers["content-type"] == "image/png"
            path = item["image_url"].replace("/images/", "/items/")
            assert client.get(origin + path).json()["image_url"] == item["image_url"]
        document = client.get("/openapi.json").json()
        assert document["servers"] == [{"url": "/shop/api"}] and "/search" in document["paths"]
        assert client.get("/readyz").json()["ready"] is True
        for path in ("/docs", "/web/page.js", "/"):
            assert client.get(path).status_code == 200
        nothing = client.get("/nothing")
        assert nothing.status_code == 404 and "/shop/api/docs" in nothing.json()["detail"]


def test_the_address_of_a_job_leads_through_the_proxy(below: str) -> None:
    job = httpx.post(f"{below}/index", json={"compact": True}, timeout=30)
    assert job.status_code == 202 and job.headers["location"].startswith("/shop/api/index/jobs/")
    assert httpx.get(below + job.headers["location"]).json()["kind"] == "compact"


def test_the_path_without_its_slash_redirects(below: str) -> None:
    answer = httpx.get(f"{below}/shop/api")
    assert (answer.status_code, answer.headers["location"]) == (308, "/shop/api/")
    assert "content-security-policy" in answer.headers
    shared = httpx.get(f"{below}/shop/api?item=a%20b&but=red&but=%26")
    assert shared.headers["location"] == "/shop/api/?item=a%20b&but=red&but=%26"
    assert httpx.get(f"{below}/shop/api", follow_redirects=True).text.startswith("<!doctype html>")


def test_a_direct_request_needs_no_prefix(below: str) -> None:
    assert httpx.get(f"{below}/readyz").status_code == 200  # as probes do


@pytest.mark.slow
@pytest.mark.parametrize("root", ["/search", "/items", "/images/x"])
def test_a_prefix_may_begin_like_a_route(gallery: Path, inside: Inside, root: str) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        hit = (await client.post("/search", json={"text": "ball", "k": 1})).json()["hits"][0]
        assert hit["image_url"] == f"{root}/images/{hit['id']}"
        assert (await client.get(f"/items/{hit['id']}")).json()["id"] == hit["id"]
        assert (await client.get("/")).status_code == 200

    inside(Settings(gallery=gallery, root_path=root), scenario)


def test_the_header_of_a_proxy_on_this_machine_counts(served: str) -> None:
    assert httpx.get(f"{served}/items/red-box").json()["image_url"] == "/images/red-box"
    with proxy(served, below="/finder", strip=True, header=True) as address:
        assert httpx.get(f"{address}/items/red-box").json()["image_url"] == "/finder/images/red-box"


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "/a//b", "https://evil.example", "a", "/a?b", "/a b", "/..", "/a/../b", "/", "/\u00e4"],
)
def test_a_header_that_is_no_path_is_ignored(served: str, prefix: str) -> None:
    answer = httpx.get(f"{served}/items/red-box", headers=[(b"X-Forwarded-Prefix", prefix.encode())])
    assert answer.json()["image_url"] == "/images/red-box"


@pytest.mark.parametrize(("proxies", "counts"), [("127.0.0.0/8", True), ("10.1.2.3, 192.168.0.0/16", False)])
def test_only_the_header_of_a_listed_proxy_counts(gallery: Path, inside: Inside, proxies: str, counts: bool) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        item = (await client.get("/items/red-box", headers={"X-Forwarded-Prefix": "/finder"})).json()
        assert item["image_url"] == ("/finder" if counts else "") + "/images/red-box"

    inside(Settings(gallery=gallery, forwarded_allow_ips=proxies), scenario)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ROOT_PATH", "shop"), ("ROOT_PATH", "//shop"), ("ROOT_PATH", "https://shop.example/a"), ("ROOT_PATH", "/../a"),
     ("FORWARDED_ALLOW_IPS", "proxy.example"), ("FORWARDED_ALLOW_IPS", "10.0.0.0/40")],
)  # fmt: skip
def test_a_setting_that_is_no_path_or_network_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"LIKEBUT_{name}"):
        Settings.read({f"LIKEBUT_{name}": value}, {})
