"""Hundreds of bad inputs against one running service: each gets its status and affects no other request."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import poison_bodies, poison_files

GROWTH_BYTES = 50_000_000
Serve = Callable[..., AbstractContextManager[str]]
Case = tuple[str, dict[str, object], int]  # name, arguments of the request, status
JSON = {"Content-Type": "application/json"}


def cases() -> list[Case]:
    """Return all bad inputs, as requests to the service."""
    found: list[Case] = []
    files = poison_files.files()
    for name, data, status in files:
        found.append((f"file: {name}", {"files": {"image": data}}, status))
    for name, data, status in files[::3]:
        body = {"image": {"base64": base64.b64encode(data).decode()}}
        found.append((f"base64: {name}", {"json": body}, status))
    for name, data, status in poison_bodies.bodies():
        found.append((name, {"content": data, "headers": JSON}, status))
    for name, data, status in poison_bodies.forms():
        found.append((name, {"content": data, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, status))
    for kind in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "image/png",
        "application/jsonx",
        "\xff",
        "json",
    ):
        found.append(
            (f"content type {kind!r}", {"content": b"{}", "headers": {"Content-Type": kind.encode("latin-1")}}, 415)
        )
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 300):
        found.append((f"content type {kind[:40]}", {"content": b"--x--", "headers": {"Content-Type": kind}}, 400))
    found.append(("too many bytes", {"content": b" " * 4_000_000, "headers": JSON}, 413))
    found.append(("too many bytes in base64", {"json": {"image": {"base64": "AAAA" * 700_000}}}, 413))
    found.append(("too many bytes in a file", {"files": {"image": bytes(2_000_001)}}, 413))
    return found + list(elsewhere())


def elsewhere() -> Iterator[Case]:
    """Return bad requests to routes other than the search."""
    for path in ("/browse?limit=0", "/browse?limit=201", "/browse?offset=-1", "/browse?limit=x", "/browse?offset=1e3",
                 "/images/red-box?size=1", "/images/red-box?size=99999", "/images/red-box?size=x"):  # fmt: skip
        yield path, {"url": path, "method": "GET"}, 422
    for path in ("/items/unknown", "/items/" + "x" * 5000, "/items/%00", "/images/..%2f..%2fetc%2fpasswd",
        "/images/%2fetc%2fpasswd",
                 "/web/..%2fapi.py", "/web/page.py", "/index/jobs/%00", "/.env", "/web/%00",
                 "/search/"):  # fmt: skip
        yield path[:40], {"url": path, "method": "GET"}, 404
    for path in ("/items/%ff", "/%ff%fe"):
        yield path, {"url": path, "method": "GET"}, 400
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        yield f"{method} /search", {"url": "/search", "method": method}, 405
    png = base64.b64encode(poison_files.encoded(poison_files.noise(), "PNG")[:200]).decode()
    for body, status in (
        (b"{", 400), (b"[" * 100_000, 400), (b'{"attributes": {"a": [1]}}', 422), (b'{"attributes": {"a": {}}}', 422),
        (b'{"attributes": []}', 422), (b'{"image": {"item_id": "red-box"}}', 422),
        (b'{"image": {"url": "http://x/"}}', 422),
        (b'{"image": {"base64": "?"}}', 400), (b'{"image": {"base64": ""}}', 422), (b'{"image": {"base64": "AAAA"}}',
        415),
        (json.dumps({"image": {"base64": png}}).encode(), 422), (b'{"id": "x"}', 422), (b"[]", 422),
        (b'{"attributes": {"": ' + b"[" * 300 + b"}}", 400),
        (json.dumps({"attributes": {"a" * 2000: 1}}).encode(), 422), (b'{"attributes": {"price": "cheap"}}', 404),
    ):  # fmt: skip
        yield f"PUT {body[:40]!r}", {"url": "/items/new", "method": "PUT", "content": body, "headers": JSON}, status
    for value in ("NaN", "Infinity", "-1e400", "[1]", '"\\ud800"', "9" * 5000):
        body = b'{"attributes": {"price": %s}}' % value.encode()
        for method in ("PUT", "PATCH"):
            request: dict[str, object] = {"url": "/items/red-box", "method": method, "content": body, "headers": JSON}
            yield f"{method} price {value[:20]}", request, 422
    for body, status in ((b'{"items": []}', 422), (b'{"items": 7}', 422), (b"{}", 422), (b"[7]", 422),
                         (json.dumps({"items": [{"id": "x"}] * 1001}).encode(), 422)):  # fmt: skip
        yield f"POST {body[:40]!r}", {"url": "/items", "content": body, "headers": JSON}, status
    for body in (b"{}", b'{"source": ""}', b'{"source": "/etc/passwd"}', b'{"source": "http://127.0.0.1/x.csv"}',
        b'{"source": "\\u0000"}',
                 b'{"bundle": "/nowhere"}', b'{"bundle": "/etc"}', b'{"snapshot": "../x"}', b'{"compact": 1}',
                 b'{"source": "x", "recall": NaN}',
                 b'{"source": "x", "shards": 0}', b'{"source": "x", "encoding": "pq"}', b'{"source": 7}'):  # fmt: skip
        yield f"POST /index {body[:40]!r}", {"url": "/index", "content": body, "headers": JSON}, 422


CASES = cases()
SEARCH = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
RAW = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "a length that is no number": SEARCH + b"Content-Length: x\r\n\r\n{}",
    "a length below nothing": SEARCH + b"Content-Length: -2\r\n\r\n{}",
    "two lengths": SEARCH + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "chunks that are none": SEARCH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a header without a colon": SEARCH + b"nonsense\r\n\r\n",
    "a header with a zero": SEARCH + b"A: \0\r\nContent-Length: 2\r\n\r\n{}",
    "headers without end": SEARCH + b"A: " + b"a" * 2_000_000,
    "a length beyond what there is": SEARCH + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n{}",
}


@pytest.fixture(scope="module")
def poisoned(gallery: Path, serve: Serve) -> Iterator[str]:
    """A separate service that allows URLs of any host: private addresses must still be refused."""
    with serve(
        "--gallery", gallery, "--max-image-bytes", "2000000", "--image-hosts", "*", "--image-http", "true"
    ) as address:
        yield address


@pytest.fixture(scope="module")
def client(poisoned: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=poisoned, timeout=30) as opened:
        yield opened


def asked(client: httpx.Client, request: dict[str, Any], status: int, name: str) -> None:
    """Sends one bad input; the response must be problem details with its status."""
    answer = client.request(**{"method": "POST", "url": "/search", **request})
    assert answer.status_code == status, (name, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", name
    problem = answer.json()
    assert problem["status"] == status and problem["detail"] and len(answer.content) < 20_000, name
    assert "Traceback" not in answer.text, name


def good(client: httpx.Client) -> None:
    """Sends a search that must return hits."""
    answer = client.post("/search", json={"text": "a red ball", "k": 3})
    assert answer.status_code == 200 and len(answer.json()["hits"]) == 3, answer.text


def resident(client: httpx.Client) -> float:
    """Return the memory of the service in bytes."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    (sample,) = [each for family in families for each in family.samples if each.name == "process_resident_memory_bytes"]
    return float(sample.value)


def test_there_are_enough_cases_with_unique_names() -> None:
    assert len(CASES) >= 200
    assert len({name for name, _, _ in CASES}) == len(CASES)
    assert all(400 <= status < 500 for _, _, status in CASES)


def test_bad_inputs_fail_no_other_search_and_leak_no_memory(client: httpx.Client, poisoned: str) -> None:
    """Runs first on the new process, so that memory taken by the first bad input counts too."""
    for _ in range(5):
        good(client)
        own = poison_files.encoded(poison_files.noise(), "PNG")
        assert client.post("/search", files={"image": own}).status_code == 200
    before = resident(client)
    ended = threading.Event()
    answered: list[int] = []

    def neighbour() -> None:
        with httpx.Client(base_url=poisoned, timeout=30) as near:
            while not ended.is_set():
                answered.append(near.post("/search", json={"text": "ball"}).status_code)

    thread = threading.Thread(target=neighbour)
    thread.start()
    try:
        for name, request, status in CASES:
            asked(client, request, status, name)
    finally:
        ended.set()
        thread.join()
    assert set(answered) == {200} and len(answered) > 100
    assert resident(client) - before < GROWTH_BYTES
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("name", "request_", "status"), CASES, ids=[name[:60] for name, _, _ in CASES])
def test_a_bad_input_gets_its_status_and_the_next_search_works(
    client: httpx.Client, name: str, request_: dict[str, object], status: int
) -> None:
    asked(client, request_, status, name)
    good(client)


def test_bad_searches_do_not_affect_others_of_the_call(client: httpx.Client) -> None:
    good_one = {"text": "ball", "k": 1}
    sent = []
    for _, data, status in (*poison_bodies.unusable(), *poison_bodies.unknown(), *poison_bodies.urls()):
        search = json.loads(data)
        if isinstance(search, dict) and re.search("NaN|Infinity", json.dumps(search)) is None:
            sent.append((search, status))
    assert len(sent) > 150
    for start in range(0, len(sent), 10):
        some = sent[start : start + 10]
        content = json.dumps({"searches": [good_one, *(search for search, _ in some), good_one]})
        answer = client.post("/searches", content=content, headers=JSON)
        assert answer.status_code == 200, answer.text[:300]
        first, *bad, last = answer.json()["answers"]
        assert len(first["hits"]) == len(last["hits"]) == 1
        assert [each["status"] for each in bad] == [status for _, status in some]


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_not_http_are_refused_or_ignored(client: httpx.Client, poisoned: str, name: str) -> None:
    host, _, port = poisoned.removeprefix("http://").partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as sent, suppress(ConnectionError):
        sent.sendall(RAW[name])
        answer = sent.recv(1000)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ", b"HTTP/1.1 431 ")), answer
    good(client)


def test_callers_that_leave_early_free_their_permits(client: httpx.Client, poisoned: str) -> None:
    host, _, port = poisoned.removeprefix("http://").partition(":")
    for _ in range(100):  # more than there are permits
        with socket.create_connection((host, int(port)), timeout=10) as sent:
            sent.sendall(SEARCH + b"Content-Length: 1000\r\n\r\n{")
    for _ in range(150):
        if "likebut_inflight_searches 0.0" in client.get("/metrics").text:
            break
        time.sleep(0.1)
    assert "likebut_inflight_searches 0.0" in client.get("/metrics").text
    good(client)


@pytest.mark.parametrize(("name", "data", "status"), list(poison_files.wary()), ids=lambda value: str(value)[:60])
def test_an_unusual_but_valid_file_is_searched(client: httpx.Client, name: str, data: bytes, status: int) -> None:
    answer = client.post("/search", files={"image": data}, data={"k": "3"})
    assert answer.status_code == status and len(answer.json()["hits"]) == 3, (name, answer.text[:300])
