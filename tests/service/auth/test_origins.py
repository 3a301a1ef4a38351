"""Origins whose pages may call (CORS), and the ports of the routes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import ConfigError
from service.settings import Settings
from tests.service.auth.conftest import Keyring

Inside = Callable[..., object]


def test_only_pages_of_listed_origins_may_call(gallery: Path, keyring: Keyring, inside: Inside) -> None:
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


def test_the_widget_and_its_images_are_for_pages_of_listed_origins(
    gallery: Path, keyring: Keyring, inside: Inside
) -> None:
    path, search, _ = keyring
    ours = "https://shop.example"

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for address in ("/web/messages.js", "/web/messages.json", "/storefront", "/images/red-box?size=96"):
            answer = await client.get(address, headers={"Origin": ours, **search})
            assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == ours, address
            other = await client.get(address, headers={"Origin": "https://evil.example", **search})
            if not address.startswith("/web/"):  # files that hold no secret may be for all
                assert "access-control-allow-origin" not in other.headers, address
            tag = {"If-None-Match": answer.headers.get("etag", "")}
            again = await client.get(address, headers={"Origin": ours, **tag, **search})
            assert again.headers["access-control-allow-origin"] == ours, address
        image = await client.get("/images/red-box?size=96", headers=search)  # as an <img> of the shop's own page
        assert "Origin" in image.headers["vary"], "a cache must not give it to a page of another origin"

    inside(Settings(gallery=gallery, keys=path, cors_origins=(ours,)), scenario)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    ["content-type,traceparent,tracestate", "baggage,sentry-trace", "x-cloud-trace-context, x-datadog-trace-id",
     "x-request-id", "x-b3-traceid,x-b3-spanid,b3", "newrelic", "X-My-Shop"],
)  # fmt: skip
def test_pages_may_send_headers_of_tracing(gallery: Path, keyring: Keyring, inside: Inside, names: str) -> None:
    path, search, _ = keyring
    origin = {"Origin": "https://shop.example"}

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
            answer = await client.options("/search", headers={**origin, **asked})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-headers"] == names
            assert method in answer.headers["access-control-allow-methods"]
        answer = await client.post("/search", json={"text": "x"}, headers={**origin, **search})
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"x-request-id", "retry-after", "traceparent", "server-timing", "etag"} <= set(exposed)

    inside(Settings(gallery=gallery, keys=path, cors_origins=("https://shop.example",)), scenario)


@pytest.mark.parametrize("origins", ["*", "https://shop.example"])
def test_pages_of_other_origins_need_keys(gallery: Path, origins: str) -> None:
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--gallery", str(gallery)]
    done = subprocess.run([*command, "--cors-origins", origins], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "cors_origins" in done.stderr and "likebut keys add" in done.stderr


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
        ("https://a.example, http://[::1]:8080", ("https://a.example", "http://[::1]:8080")),
        ("https://a.example:443,http://b.example:80,http://c.example:443",  # browsers leave a default port out
         ("https://a.example", "http://b.example", "http://c.example:443")),
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


def test_one_process_serves_two_ports(gallery: Path, keyring: Keyring) -> None:
    path, search, admin = keyring
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "service",
        "serve",
        "--port",
        "0",
        "--admin-port",
        "0",
        "--keys",
        path,
    ]
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
            metrics = httpx.get(f"{other}/metrics", headers=admin).text
            assert 'route="/search",status="200"} 1.0' in metrics and 'route="/search",status="404"} 1.0' in metrics
        finally:
            process.terminate()
        process.stderr.read()
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_only_this_machine_is_served(gallery: Path, keyring: Keyring, host: str) -> None:
    command: list[str | Path] = [sys.executable, "-m", "service", "serve", "--host", host, "--port", "0"]
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
