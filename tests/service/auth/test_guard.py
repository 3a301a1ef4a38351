"""Keys, roles, rates, origins and ports, at every route that there is."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from models.errors import ConfigError
from service.auth import keys
from service.auth.guard import Guard
from service.settings import Settings
from service.telemetry.json_logs import JsonLineFormatter

Inside = Callable[..., object]
Keyring = tuple[Path, dict[str, str], dict[str, str]]

HEALTH = {("GET", "/livez"), ("GET", "/readyz")}
SITE = {("GET", "/"), ("GET", "/docs"), ("GET", "/web/{name}"), ("GET", "/openapi.json")}
SEARCH = {
    ("POST", "/search"), ("POST", "/searches"), ("GET", "/browse"), ("GET", "/items/{id:path}"),
    ("GET", "/images/{id:path}"), ("GET", "/limits"),
}  # fmt: skip
ADMIN = {
    ("GET", "/metrics"), ("GET", "/index"), ("POST", "/index"), ("GET", "/index/jobs/{id}"),
    ("DELETE", "/index/jobs/{id}"), ("PUT", "/items/{id:path}"), ("DELETE", "/items/{id:path}"), ("POST", "/items"),
}  # fmt: skip


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A file with a key for searches and one for all, and the headers that carry them."""
    path = tmp_path / "keys.jsonl"
    search, admin = (
        keys.add(path, name=name, role=role, rate_per_s=None, burst=None)
        for name, role in (("shop", "search"), ("ops", "admin"))
    )
    return path, bearer(search), bearer(admin)


def asked(method: str, path: str) -> tuple[str, str]:
    """A request that a route answers with anything but 2xx, where it comes that far, and so changes nothing."""
    return method, re.sub(r"\{\w+(:path)?\}", "nobody", path)


def test_every_route_has_its_role_and_none_is_open_by_oversight(
    gallery: Path, keyring: Keyring, inside: Inside
) -> None:
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


def test_the_routes_of_the_app_are_those_of_this_test(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        found = {(method, route.path) for route in iter_route_contexts(app.routes) for method in route.methods or ()}
        assert found == HEALTH | SITE | SEARCH | ADMIN

    inside(Settings(gallery=gallery), scenario)


def test_a_refusal_says_what_to_send_and_tells_nothing_else(
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
        told = (await client.get("/metrics", headers=admin)).text
        assert 'likebut_rejected_total{reason="unauthorized"} 2.0' in told
        assert 'likebut_rejected_total{reason="forbidden"} 1.0' in told
        assert 'likebut_http_requests_total{method="POST",route="/search",status="401"} 2.0' in told

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
def test_a_key_travels_in_one_of_two_headers(
    gallery: Path, keyring: Keyring, inside: Inside, name: str, value: str, status: int
) -> None:
    path, search, _ = keyring
    secret = search["Authorization"].split()[1]

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/limits", headers={name: value.format(secret)})).status_code == status
        assert (await client.get(f"/limits?key={secret}")).status_code == 401
        behind = {"Authorization": "Basic eDp5", "X-API-Key": secret}  # a proxy's own users
        assert (await client.get("/limits", headers=behind)).status_code == 200
        odd = {"Authorization": b"Bearer \xff\xfe"}
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


def test_a_key_that_asks_too_often_is_told_how_long_to_wait(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "keys"
    standard, own, free = (
        bearer(keys.add(path, name=name, role="search", rate_per_s=rate, burst=burst))
        for name, rate, burst in (("standard", None, None), ("own", 0.1, 1), ("free", 0.0, None))
    )

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def statuses(headers: dict[str, str], count: int) -> list[int]:
            return [
                (await client.post("/search", json={"text": "x"}, headers=headers)).status_code for _ in range(count)
            ]

        assert await statuses(standard, 4) == [200, 200, 200, 429]
        assert await statuses(own, 2) == [200, 429]  # another key, another bucket
        assert await statuses(free, 6) == [200] * 6
        refused = await client.post("/search", json={"text": "x"}, headers=own)
        assert refused.json()["type"] == "urn:likebut:problem:rate-limited"
        assert 8 <= int(refused.headers["retry-after"]) <= 10 and "own" in refused.json()["detail"]
        assert (await client.get("/browse", headers=own)).status_code == 200  # only searches count

    inside(Settings(gallery=gallery, keys=path, rate_per_s=0.01, burst=3), scenario)


def test_a_rate_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rate_per_s"):
        Guard(Settings(rate_per_s=5.0))


def test_without_keys_everything_is_answered(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        assert (await client.get("/index", headers=bearer("whatever"))).status_code == 200

    inside(Settings(gallery=gallery), scenario)


def test_examples_show_what_the_caller_may_see(gallery: Path, keyring: Keyring, inside: Inside, shop: Path) -> None:
    path, search, admin = keyring

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        told = {
            who: (await client.get("/openapi.json", headers=headers)).text
            for who, headers in (("nobody", None), ("search", search), ("admin", admin))
        }
        assert [str(shop) in told[who] for who in told] == [False, False, True]
        assert ["item_id" in json.dumps(json.loads(told[who])["components"]["schemas"]["SearchBody"]["examples"])
                for who in told] == [False, True, True]  # fmt: skip
        document = json.loads(told["nobody"])
        assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        assert document["paths"]["/search"]["post"]["security"] == [{"key": ["search"]}]
        assert document["paths"]["/index"]["post"]["security"] == [{"key": ["admin"]}]
        assert "security" not in document["paths"]["/livez"]["get"]

    inside(Settings(gallery=gallery, keys=path), scenario)


def test_pages_of_listed_origins_may_call_and_no_others(gallery: Path, keyring: Keyring, inside: Inside) -> None:
    path, search, _ = keyring
    ours = "https://shop.example"
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        allowed = await client.options(
            "/search", headers={"Origin": ours, **preflight}
        )  # without a key, as browsers do
        assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == ours
        assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
        answer = await client.post("/search", json={"text": "x"}, headers={"Origin": ours, **search})
        assert answer.headers["access-control-allow-origin"] == ours and "origin" in answer.headers["vary"].lower()
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()
        assert "access-control-allow-credentials" not in answer.headers
        refused = await client.post("/search", json={"text": "x"}, headers={"Origin": ours})
        assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == ours
        for other in ("https://shop.example.evil.example", "http://shop.example", "null"):
            assert (await client.options("/search", headers={"Origin": other, **preflight})).status_code == 400
            answer = await client.post("/search", json={"text": "x"}, headers={"Origin": other, **search})
            assert "access-control-allow-origin" not in answer.headers

    inside(Settings(gallery=gallery, keys=path, cors_origins=(ours, "https://b.example:8443")), scenario)


def test_no_origin_is_listed_by_default(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.get("/limits", headers={"Origin": "https://shop.example"})
        assert "access-control-allow-origin" not in answer.headers

    inside(Settings(gallery=gallery), scenario)


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://a.example, http://[::1]:80", ("https://a.example", "http://[::1]:80")),
        ("https://a.example/", None),
        ("a.example", None),
        ("https://A.example", None),
    ],
)  # fmt: skip
def test_origins_are_listed_with_commas(given: str, origins: tuple[str, ...] | None) -> None:
    if origins is None:
        with pytest.raises(ConfigError, match="LIKEBUT_CORS_ORIGINS"):
            Settings.read({"LIKEBUT_CORS_ORIGINS": given}, {})
    else:
        assert Settings.read({"LIKEBUT_CORS_ORIGINS": given}, {}).cors_origins == origins


def test_the_admin_port_answers_what_the_other_does_not(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for routes, ports in ((HEALTH, (8000, 9000)), (SITE | SEARCH, (8000,)), (ADMIN, (9000,))):
            for route in routes:
                for port in (8000, 9000):
                    method, path = asked(*route)
                    answer = await client.request(method, f"http://localhost:{port}{path}")
                    absent = answer.status_code == 404 and answer.json()["type"] == "about:blank"
                    known = path != "/web/nobody"  # which is nowhere
                    assert not known or absent == (port not in ports), (port, route)

    inside(Settings(gallery=gallery, admin_port=9000), scenario)


def test_one_process_serves_two_ports(gallery: Path, keyring: Keyring) -> None:
    path, search, admin = keyring
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--admin-port", "0", "--keys", path]
    command += ["--gallery", gallery]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first, _, second, third = (process.stderr.readline() for _ in range(4))
        try:
            site, other = (line.split()[-1].rstrip("/") for line in (first, second))
            assert second.startswith("likebut: admin routes at http://127.0.0.1:") and str(path) in third
            for address, status in ((site, 404), (other, 200)):
                assert httpx.get(f"{address}/metrics", headers=admin).status_code == status
                assert httpx.get(f"{address}/readyz").status_code == 200
            for address, status in ((site, 200), (other, 404)):
                answer = httpx.post(f"{address}/search", json={"text": "x"}, headers=search)
                assert answer.status_code == status
            told = httpx.get(f"{other}/metrics", headers=admin).text
            assert 'route="/search",status="200"} 1.0' in told and 'route="/search",status="404"} 1.0' in told
        finally:
            process.terminate()
        process.stderr.read()
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_only_this_machine_is_served(gallery: Path, keyring: Keyring, host: str) -> None:
    command = [sys.executable, "-m", "service", "serve", "--host", host, "--port", "0"]
    environment = {**os.environ, "LIKEBUT_GALLERY": str(gallery)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert host in done.stderr and "likebut keys add" in done.stderr
    command += ["--keys", str(keyring[0])]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("likebut: serving http://")
        process.terminate()
        process.stderr.read()
        assert process.wait(timeout=30) == 0


@pytest.mark.slow
def test_each_search_of_a_call_counts_against_the_rate(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "rated.jsonl"
    headers = bearer(keys.add(path, name="shop", role="search", rate_per_s=0.01, burst=5))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        four, six = ({"searches": [{"text": "x"}] * count} for count in (4, 6))
        assert (await client.post("/searches", json=four, headers=headers)).status_code == 200
        refused = await client.post("/searches", json=four, headers=headers)
        assert refused.status_code == 429 and 100 < int(refused.headers["retry-after"]) <= 300
        fresh = bearer(keys.add(path, name="other", role="search", rate_per_s=2.0, burst=5))
        await asyncio.sleep(1.1)  # the file is looked at once a second
        assert (await client.post("/searches", json=six, headers=fresh)).status_code == 200  # more than its burst
        refused = await client.post("/searches", json=four, headers=fresh)
        assert refused.status_code == 429
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await client.post("/searches", json=four, headers=fresh)).status_code == 200

    inside(Settings(gallery=gallery, keys=path), scenario)
