"""Keys and roles, for every route."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service.auth import keys
from service.settings import Settings
from service.telemetry.json_logs import JsonLineFormatter
from tests.service.auth.conftest import Keyring, bearer

Inside = Callable[..., object]

HEALTH = {("GET", "/livez"), ("GET", "/readyz")}
SITE = {
    ("GET", "/storefront"), ("GET", "/"), ("GET", "/docs"), ("GET", "/widget"), ("GET", "/web/{name:path}"),
    ("GET", "/openapi.json"),
}  # fmt: skip
SEARCH = {
    ("POST", "/search"), ("POST", "/searches"), ("GET", "/browse"), ("GET", "/items"), ("GET", "/items/{id:path}"),
    ("GET", "/images/{id:path}"), ("GET", "/limits"), ("GET", "/attributes"), ("GET", "/suggestions"),
}  # fmt: skip
ADMIN = {
    ("GET", "/metrics"), ("GET", "/index"), ("POST", "/index"), ("GET", "/index/jobs/{id}"),
    ("DELETE", "/index/jobs/{id}"), ("PUT", "/items/{id:path}"), ("PATCH", "/items/{id:path}"),
    ("DELETE", "/items/{id:path}"), ("POST", "/items"),
}  # fmt: skip


def asked(method: str, path: str) -> tuple[str, str]:
    """Return a request that changes nothing: if the guard admits it, the route answers without 2xx."""
    return method, re.sub(r"\{\w+(:path)?\}", "nobody", path)


@pytest.mark.slow
def test_every_route_requires_its_role(gallery: Path, keyring: Keyring, inside: Inside) -> None:
    path, search, admin = keyring

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        document = (await client.get("/openapi.json")).json()
        described = {
            (method.upper(), re.sub(r"(items|images)/\{id\}", r"\1/{id:path}", name))
            for name, operations in document["paths"].items()
            for method in operations
        }
        assert described | SITE == HEALTH | SITE | SEARCH | ADMIN
        for route, allowed in (
            *((route, (None, search, admin)) for route in HEALTH | SITE),
            *((route, (search, admin)) for route in SEARCH),
            *((route, (admin,)) for route in ADMIN),
        ):
            for headers in (None, bearer("likebut_wrong"), search, admin):
                status = (await client.request(*asked(*route), headers=headers)).status_code
                if headers in allowed or (route in HEALTH | SITE):
                    assert status not in (401, 403), route
                else:
                    assert status == (403 if headers is search else 401), route

    inside(Settings(gallery=gallery, keys=path), scenario)


def test_this_file_lists_all_routes_of_the_app(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        found = {(method, route.path) for route in iter_route_contexts(app.routes) for method in route.methods or ()}
        assert found == HEALTH | SITE | SEARCH | ADMIN

    inside(Settings(gallery=gallery), scenario)


def test_a_refusal_says_what_to_send_and_reveals_nothing(
    gallery: Path, keyring: Keyring, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    path, search, admin = keyring
    caplog.set_level(logging.INFO, logger="likebut")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        missing = await client.post("/search", json={"text": "x"})
        assert missing.headers["www-authenticate"] == 'Bearer realm="likebut"'
        assert missing.json()["type"] == "urn:likebut:problem:unauthorized"
        wrong = await client.post("/search", json={"text": "x"}, headers=bearer("likebut_private"))
        assert "private" not in wrong.text
        forbidden = await client.delete("/items/red-box", headers=search)
        assert forbidden.json()["type"] == "urn:likebut:problem:forbidden" and "shop" in forbidden.json()["detail"]
        assert (await client.get("/items/red-box", headers=search)).status_code == 200
        metrics = (await client.get("/metrics", headers=admin)).text
        assert 'likebut_rejected_total{reason="unauthorized"} 2.0' in metrics
        assert 'likebut_rejected_total{reason="forbidden"} 1.0' in metrics
        assert 'likebut_http_requests_total{method="POST",route="/search",status="401"} 2.0' in metrics

    inside(Settings(gallery=gallery, keys=path), scenario)
    lines = [
        json.loads(JsonLineFormatter().format(record)) for record in caplog.records if record.getMessage() == "request"
    ]
    assert [line.get("key") for line in lines] == [None, None, "shop", "shop"]
    assert "likebut_" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Authorization", "Bearer {}", 200),
        ("authorization", "bearer   {} ", 200),
        ("X-API-Key", "{}", 200),
        ("X-API-Key", "Bearer {}", 401),
        ("Authorization", "{}", 401),
        ("Authorization", "Basic {}", 401),
        ("Authorization", "Bearer", 401),
        ("Authorization", "Bearer {}x", 401),
        ("Cookie", "key={}", 401),
    ],
)  # fmt: skip
def test_a_key_is_accepted_in_two_headers(
    gallery: Path, keyring: Keyring, inside: Inside, name: str, value: str, status: int
) -> None:
    path, search, _ = keyring
    secret = search["Authorization"].split()[1]

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/limits", headers={name: value.format(secret)})).status_code == status
        assert (await client.get(f"/limits?key={secret}")).status_code == 401
        for other in ("Basic eDp5", "Bearer", ""):  # for users of a proxy
            behind = {"Authorization": other, "X-API-Key": secret}
            assert (await client.get("/limits", headers=behind)).status_code == 200
        odd = [(b"Authorization", b"Bearer \xff\xfe")]
        assert (await client.get("/limits", headers=odd)).status_code == 401

    inside(Settings(gallery=gallery, keys=path), scenario)


@pytest.mark.slow
def test_keys_are_rotated_while_the_service_runs(gallery: Path, keyring: Keyring, inside: Inside) -> None:
    path, search, _ = keyring

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/limits", headers=search)).status_code == 200
        fresh = bearer(keys.add(path, name="shop-2", role="search", rate_per_s=None, burst=None))
        await asyncio.sleep(1.01)
        assert (await client.get("/limits", headers=search)).status_code == 200
        assert (await client.get("/limits", headers=fresh)).status_code == 200
        keys.remove(path, "shop")
        await asyncio.sleep(1.01)
        assert (await client.get("/limits", headers=search)).status_code == 401
        assert (await client.get("/limits", headers=fresh)).status_code == 200

    inside(Settings(gallery=gallery, keys=path), scenario)


def test_without_keys_everything_is_answered(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        assert (await client.get("/index", headers=bearer("whatever"))).status_code == 200

    inside(Settings(gallery=gallery), scenario)


def test_examples_show_what_the_caller_may_see(gallery: Path, keyring: Keyring, inside: Inside, shop: Path) -> None:
    path, search, admin = keyring

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        documents = {
            who: (await client.get("/openapi.json", headers=headers)).text
            for who, headers in (("nobody", None), ("search", search), ("admin", admin))
        }
        assert [str(shop) in documents[who] for who in documents] == [False, False, True]
        assert ["item_id" in json.dumps(json.loads(documents[who])["components"]["schemas"]["SearchBody"]["examples"])
                for who in documents] == [False, True, True]  # fmt: skip
        document = json.loads(documents["nobody"])
        assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        assert document["paths"]["/search"]["post"]["security"] == [{"key": ["search"]}]
        assert document["paths"]["/index"]["post"]["security"] == [{"key": ["admin"]}]
        assert "security" not in document["paths"]["/livez"]["get"]

    inside(Settings(gallery=gallery, keys=path), scenario)


def test_each_port_serves_only_its_routes(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for routes, ports in ((HEALTH, (8000, 9000)), (SITE | SEARCH, (8000,)), (ADMIN, (9000,))):
            for route in routes:
                for port in (8000, 9000):
                    method, path = asked(*route)
                    answer = await client.request(method, f"http://localhost:{port}{path}")
                    absent = answer.status_code == 404 and answer.json()["type"] == "about:blank"
                    known = path != "/web/nobody"  # which does not exist
                    assert not known or absent == (port not in ports), (port, route)

    inside(Settings(gallery=gallery, admin_port=9000), scenario)
