"""Images are downloaded by URL from real servers, which misbehave in every way."""

import asyncio
import contextlib
import gzip
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.errors import Overloaded
from service.images.download import FETCHES, HOST_SHARE
from service.search.remote_references import RemoteReferences
from service.settings import Settings
from tests.service.sites import Names, downloading, image_response, refusal, serve_site

Draw = Callable[..., bytes]
Inside = Callable[..., object]
PACKED = gzip.compress(bytes(10**8), 1, mtime=0)[:50_000]
SHARE = int(FETCHES * HOST_SHARE)  # of one host
LONG_S = 20.0  # for a loaded machine; without the limit each test would take three times as long, or for ever


def test_a_request_sends_no_cookie_and_uses_no_proxy(image_file: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")

    async def scenario() -> None:
        async with serve_site() as site, downloading(site) as downloader:
            site.answers["/a/x.png?v=1"] = image_response(image_file(), Set_Cookie="a=b")
            for _ in range(2):
                assert await downloader.fetch(site.url("/a/x.png?v=1#part")) == image_file()
            for head in site.heads:
                lines = head.strip().split("\r\n")
                assert lines[0] == "GET /a/x.png?v=1 HTTP/1.1"
                names = {line.partition(":")[0].lower() for line in lines[1:]}
                assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
                assert f"host: cdn.example:{site.port}" in head.lower() and "encoding: identity" in head.lower()

    asyncio.run(scenario())


def test_a_body_in_chunks_or_until_the_end_is_read_completely(image_file: Draw) -> None:
    data = image_file()

    async def scenario() -> None:
        async with serve_site() as site, downloading(site) as downloader:
            chunks = b"".join(
                b"%x\r\n%s\r\n" % (len(data[at : at + 999]), data[at : at + 999]) for at in range(0, len(data), 999)
            )
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
            site.answers["/chunks"] = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
            site.answers["/end"] = b"HTTP/1.1 100 Continue\r\n\r\n" + head + b"\r\n" + data
            assert await downloader.fetch(site.url("/chunks")) == data
            assert await downloader.fetch(site.url("/end")) == data

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (image_response(b"gone", status="404 Not Found"), "answered 404"),
        (image_response(b"", status="500 Oh"), "answered 500"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answered 304"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "answered 302"),
        (b"HTTP/1.1 206 Partial\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n", "answered 206"),
        (image_response(b"<html>", kind="text/html; charset=utf-8"), "as text/html"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx", "as nothing"),
        (image_response(PACKED, Content_Encoding="gzip"), "compressed it (gzip)"),
        (image_response(b"x" * 100_001), "more than 100000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99999999999999999999\r\n\r\n", "more than"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: -5\r\n\r\n", "invalid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx",
        "invalid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 500\r\n\r\nshort", "invalid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "invalid HTTP"),
        (b"SSH-2.0-OpenSSH_9\r\n", "invalid HTTP"),
        (b"", "invalid HTTP"),
    ],
)  # fmt: skip
def test_a_response_without_an_image_is_refused_with_a_reason(answer: bytes, reason: str) -> None:
    async def scenario() -> None:
        async with serve_site() as site, downloading(site) as downloader:
            site.answers["/x.png"] = answer
            assert reason in await refusal(downloader, site.url())

    asyncio.run(scenario())


@pytest.mark.slow
def test_one_deadline_ends_the_download_however_the_time_is_spent() -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def head_slowly(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    awake = threading.Event()

    def slow_resolver(host: str, port: int) -> Sequence[str]:
        awake.wait(60)
        return ["127.0.0.1"]

    async def scenario() -> None:
        async with serve_site() as site, downloading(site, timeout_s=0.4) as downloader:
            site.answers = {"/slow": slowly, "/head": head_slowly, "/never": never}
            for path in site.answers:
                start = time.monotonic()
                assert "within 0.4 s" in await refusal(downloader, site.url(path))
                assert time.monotonic() - start < LONG_S
        async with serve_site() as site, downloading(site, slow_resolver, timeout_s=0.1) as downloader:
            start = time.monotonic()
            assert "within 0.1 s" in await refusal(downloader, site.url())
            assert time.monotonic() - start < LONG_S
            awake.set()

    asyncio.run(scenario())


def test_a_body_without_end_is_left_at_the_limit() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while True:
            writer.write(b"x" * 50_000)
            await writer.drain()
            sent += 50_000

    async def small_chunks(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n" * 1000)
            await writer.drain()

    async def scenario() -> None:
        async with serve_site() as site, downloading(site) as downloader:
            site.answers = {"/endless": endless, "/chunks": small_chunks}
            assert "more than 100000 bytes" in await refusal(downloader, site.url("/endless"))
            assert "small chunks" in await refusal(downloader, site.url("/chunks"))

    asyncio.run(scenario())
    assert sent < 20_000_000  # what fits into the buffers of the sockets


def test_https_verifies_the_certificate_of_the_name(image_file: Draw, tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-addext", "subjectAltName=DNS:cdn.example"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server_names: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: server_names.append(name)
    client_tls = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    names = Names({"cdn.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})

    async def scenario() -> None:
        async with serve_site(tls=server_tls) as site:
            site.answers["/x.png"] = image_response(image_file())
            url = site.url().replace("http:", "https:")
            async with downloading(site, names, tls=client_tls) as downloader:
                assert await downloader.fetch(url) == image_file()
                assert server_names == ["cdn.example"]
                assert "certificate" in (await refusal(downloader, url.replace("cdn", "other"))).lower()
            async with downloading(site, names) as downloader:
                assert "certificate" in (await refusal(downloader, url)).lower()  # signed by an unknown authority

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_slow_host_uses_its_share_of_permits_and_delays_no_search(
    gallery: Path, inside: Inside, image_file: Draw
) -> None:
    settings = Settings(gallery=gallery, image_hosts="*", image_http=True, max_waiting=2)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        service = app.state.service
        gate = asyncio.Event()

        async def late(writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            writer.write(image_response(image_file("ring", "green")))
            await writer.drain()

        async with serve_site() as site, downloading(site, timeout_s=60) as service.downloader:
            service.remote_references = RemoteReferences(service.downloader, max_bytes=10**6, private_hosts=True)
            site.answers = {"/late": late, "/x.png": image_response(image_file("ring", "green"))}

            async def ask(path: str) -> httpx.Response:
                return await client.post("/search", json={"image": {"url": site.url(path)}, "k": 3})

            found = await ask("/x.png")
            assert found.json()["hits"][0]["id"] == "green-ring" and "fetch" in found.json()["took_ms"]
            waiting: list[asyncio.Task[httpx.Response]] = []
            for number in range(1, SHARE + 1):  # one by one, since a search has few permits before it fetches
                waiting.append(asyncio.create_task(ask("/late")))
                while len(site.heads) < number + 1:
                    await asyncio.sleep(0.005)
            assert service.searcher.active == 0
            full = await ask("/x.png")
            assert full.status_code == 429 and int(full.headers["retry-after"]) >= 1
            elsewhere = {"image": {"url": site.url("/x.png", "other.example")}, "k": 3}
            assert (await client.post("/search", json=elsewhere)).json()["hits"] == found.json()["hits"]
            start = time.monotonic()
            assert (await client.post("/search", json={"text": "ball"})).status_code == 200
            assert time.monotonic() - start < LONG_S
            several = [{"image": {"url": site.url()}, "k": 1}, {"text": "ball", "k": 1}]
            both = (await client.post("/searches", json={"searches": several})).json()["answers"]
            assert both[0]["status"] == 429 and len(both[1]["hits"]) == 1
            gate.set()
            for answer in await asyncio.gather(*waiting):
                assert answer.status_code == 200
            assert service.searcher.active == 0
            site.answers["/none.png"] = image_response(b"no picture")
            problem = (await ask("/none.png")).json()
            assert problem["type"].endswith(":unfetchable") and problem["errors"][0]["field"] == "image.url"
            several = [{"image": {"url": site.url(path)}, "k": 1} for path in ("/x.png", "/none")]
            both = (await client.post("/searches", json={"searches": several})).json()["answers"]
            assert both[0]["hits"][0]["id"] == "green-ring" and both[1]["status"] == 422
            assert service.searcher.active == 0

    inside(settings, scenario)


def test_a_caller_that_leaves_frees_its_permit_by_the_deadline(image_file: Draw) -> None:
    async def scenario() -> None:
        left = asyncio.Event()

        async def silent(writer: asyncio.StreamWriter) -> None:
            await left.wait()

        async with serve_site() as site, downloading(site, timeout_s=1.0) as downloader:
            site.answers = {"/silent": silent, "/x.png": image_response(image_file())}
            tasks = [asyncio.create_task(downloader.fetch(site.url("/silent"))) for _ in range(SHARE)]
            while len(site.heads) < SHARE:
                await asyncio.sleep(0.005)
            with pytest.raises(Overloaded):
                await downloader.fetch(site.url())
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            start = time.monotonic()
            for _ in range(SHARE):
                while True:
                    with contextlib.suppress(Overloaded):
                        assert await downloader.fetch(site.url()) == image_file()
                        break
                    await asyncio.sleep(0.01)
            assert time.monotonic() - start < LONG_S
            left.set()

    asyncio.run(scenario())


def test_a_url_is_refused_if_no_host_is_allowed(gallery: Path, inside: Inside) -> None:
    url = {"image": {"url": "https://cdn.example/x.png"}}

    async def off(client: httpx.AsyncClient, app: FastAPI) -> None:
        for request in ({"json": url}, {"files": {"query": (None, '{"image": {"url": "https://cdn.example/x.png"}}')}}):
            answer = await client.post("/search", **request)
            assert answer.status_code == 422 and "URL" in answer.json()["detail"]

    async def on(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.post("/search", json={"image": {"url": "https://[::1]/x.png"}})
        assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:likebut:problem:unfetchable"
        assert "https://[::1]/x.png cannot be fetched" in answer.json()["detail"]
        metrics = (await client.get("/metrics")).text
        assert 'likebut_rejected_total{reason="unfetchable"} 1.0' in metrics
        assert 'likebut_stage_duration_seconds_count{stage="fetch"} 1.0' in metrics

    inside(Settings(gallery=gallery), off)
    inside(Settings(gallery=gallery, image_hosts="*"), on)
