"""Bodies: content encodings, byte order marks and charsets, limits of all bodies together, and rates before reading."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import GalleryError, UnreadableImage
from service.auth import keys
from service.http.body import Posted
from service.settings import Settings

Inside = Callable[..., object]
JSON = {"Content-Type": "application/json"}
SEARCH = {"text": "a red ball", "k": 1}
BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("path", ["/search", "/searches", "/items", "/index"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "GZIP", "x"])
def test_a_content_encoding_is_named_as_unsupported(client: httpx.Client, path: str, encoding: str) -> None:
    data = zlib.compress(b"{}") if encoding == "deflate" else gzip.compress(json.dumps(SEARCH).encode())
    answer = client.post(path, content=data, headers={**JSON, "Content-Encoding": encoding})
    assert answer.status_code == 415 and answer.headers["accept-encoding"] == "identity"
    assert answer.json()["type"] == "urn:likebut:problem:wrong-encoding"
    assert encoding.lower() in answer.json()["detail"]


def test_a_compressed_bomb_is_refused_unread(client: httpx.Client) -> None:
    bomb = gzip.compress(bytes(100_000_000))
    answer = client.post("/search", content=bomb, headers={**JSON, "Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_a_body_without_an_encoding_may_say_so(client: httpx.Client, encoding: str) -> None:
    answer = client.post("/search", json=SEARCH, headers={"Content-Encoding": encoding})
    assert answer.status_code == 200, answer.text


def test_a_byte_order_mark_before_json_is_ignored(client: httpx.Client) -> None:
    searches = {"searches": [SEARCH]}
    assert client.post("/search", content=BOM + json.dumps(SEARCH).encode(), headers=JSON).status_code == 200
    assert client.post("/searches", content=BOM + json.dumps(searches).encode(), headers=JSON).status_code == 200
    item = client.get("/items/red-box").json()["attributes"]
    again = BOM + json.dumps({"attributes": item}, ensure_ascii=False).encode()
    assert client.put("/items/red-box", content=again, headers=JSON).status_code == 200


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_json_that_is_not_utf8_is_named_so(client: httpx.Client, codec: str) -> None:
    data = json.dumps({"text": "grün"}, ensure_ascii=False).encode(codec)
    answer = client.post("/search", content=data, headers={"Content-Type": f"application/json; charset={codec}"})
    assert answer.status_code == 400 and "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(
    "kind",
    ["application/json", "APPLICATION/JSON", "application/json;charset=UTF-8", "application/json ; Charset=utf8; x=y"],
)
def test_the_content_type_may_have_parameters_and_capitals(client: httpx.Client, kind: str) -> None:
    data = json.dumps(SEARCH).encode()
    assert client.post("/search", content=data, headers={"Content-Type": kind}).status_code == 200


def test_odd_headers_and_parameters_change_nothing(client: httpx.Client) -> None:
    odd = {"Accept": "text/turtle", "Accept-Charset": "x", "Cookie": "a=" + "b" * 50_000, "Range": "bytes=x", "TE": "x"}
    assert client.post("/search?utm=1", json=SEARCH, headers=odd).status_code == 200
    assert client.get("/browse?limit=3&limit=2&x=" + "y" * 50_000).json()["items"].__len__() == 2


def test_only_a_body_with_little_to_parse_is_parsed_in_the_event_loop() -> None:
    def is_small(data: bytes) -> bool:
        return Posted("application/json", data).is_small

    assert is_small(b'{"text":"a red ball"}') and is_small(b'{"image":{"base64":"' + b"A" * 60_000 + b'"}}')
    assert not is_small(b" " * 70_000)
    assert not is_small(b'{"exclude_ids":[' + b'"a",' * 1_001 + b'"b"]}')


def test_a_large_body_is_answered_as_a_small_one(client: httpx.Client) -> None:
    large = {**SEARCH, "exclude_ids": [f"none-{number}-{'x' * 80}" for number in range(1000)]}
    found, again = client.post("/search", json=SEARCH).json(), client.post("/search", json=large).json()
    assert [hit["id"] for hit in again["hits"]] == [hit["id"] for hit in found["hits"]]
    assert again["took_ms"].keys() == found["took_ms"].keys()


def test_all_bodies_together_are_limited(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b" " * 60_000
            await go_on.wait()
            yield json.dumps(SEARCH).encode()

        waiting = asyncio.create_task(client.post("/search", content=slow(), headers=JSON))
        await asyncio.sleep(0.2)
        large = b" " * 50_000 + json.dumps(SEARCH).encode()
        for path in ("/search", "/searches", "/items", "/index"):
            refused = await client.post(path, content=large, headers=JSON)
            assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1, path
            assert refused.json()["type"] == "urn:likebut:problem:overloaded"
        assert (await client.post("/search", json=SEARCH)).status_code == 200
        go_on.set()
        assert (await waiting).status_code == 200
        assert (await client.post("/search", content=large, headers=JSON)).status_code == 200

    inside(Settings(gallery=gallery, max_bodies_bytes=100_000), scenario)


def test_a_call_beyond_the_rate_is_refused_before_its_body_is_read(
    gallery: Path, tmp_path: Path, inside: Inside
) -> None:
    path = tmp_path / "keys"
    secret = keys.add(path, name="shop", role="search", rate_per_s=0.01, burst=3)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        sent += 1
        yield json.dumps({"searches": [SEARCH] * 2}).encode()

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = {**JSON, "X-API-Key": secret}
        assert (await client.post("/searches", content=body(), headers=headers)).status_code == 200
        over = await client.post("/searches", content=body(), headers=headers)  # one of two searches is left
        assert over.status_code == 429 and 50 < int(over.headers["retry-after"]) <= 100
        assert sent == 2
        assert (await client.post("/search", json=SEARCH, headers=headers)).status_code == 200  # the last one
        for route in ("/searches", "/search"):
            refused = await client.post(route, content=body(), headers=headers)
            assert refused.status_code == 429 and refused.json()["type"] == "urn:likebut:problem:rate-limited"
        assert sent == 2

    inside(Settings(gallery=gallery, keys=path), scenario)


def test_a_shortage_of_the_machine_is_not_the_fault_of_the_caller(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        failures = [MemoryError(), OSError(24, "Too many open files"), OSError(28, "No space left on device")]

        @app.get("/lacking/{number}")
        async def lacking(number: int) -> None:
            raise failures[number]

        @app.get("/unreadable/{number}")
        async def unreadable(number: int) -> None:
            raise UnreadableImage("x cannot be read: check the path") from failures[number]

        @app.get("/unwritable/{number}")
        async def unwritable(number: int) -> None:
            raise GalleryError("x cannot be written: make room") from failures[number]

        for number in range(len(failures)):
            for path in ("lacking", "unreadable"):
                answer = await client.get(f"/{path}/{number}")
                assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1, path
                assert answer.json()["type"] == "urn:likebut:problem:out-of-resources"
            own = await client.get(f"/unwritable/{number}")
            assert own.status_code == 503 and "make room" in own.json()["detail"]

    inside(Settings(gallery=gallery), scenario)
