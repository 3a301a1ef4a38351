"""Images are read from disk and the network within limits, and recognised by their fingerprints."""

import contextlib
import gzip
import os
import threading
import time
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from index.sources.download import FetchedImage
from index.sources.image_bytes import read_if_changed, read_image, unchanged
from index.sources.rows import SourceRow
from models.errors import ImageTooLarge, UnreadableImage

OLD = formatdate(1_700_000_000, usegmt=True)
VALIDATORS = {  # path: header, its value, and the condition that the server supports
    "/tag": ("ETag", '"v1"', "If-None-Match"),
    "/tag-unconditional": ("ETag", '"v1"', ""),
    "/date": ("Last-Modified", OLD, "If-Modified-Since"),
    "/new": ("Last-Modified", "now", ""),
    "/strange": ("Last-Modified", "yesterday", ""),
}
PACKED = {"gzip": gzip.compress(b"picture"), "zlib": zlib.compress(b"picture"), "plain": b"picture"}
PACKED["bomb"] = gzip.compress(bytes(10_000_000))


class Shop(BaseHTTPRequestHandler):
    """Serves an image, an endless one, a slow one, redirects, and images with a validator."""

    conditions: ClassVar[list[str]] = []  # as clients sent them

    def do_GET(self) -> None:
        if self.path in VALIDATORS:
            self._answer(*VALIDATORS[self.path])
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path.startswith("/to-"):
            self.send_response(302)
            target = {"/to-good": "/good", "/to-ftp": "ftp://127.0.0.1/x", "/to-file": "file:///etc/hosts"}
            self.send_header("Location", target[self.path])
            self.end_headers()
            return
        if self.path == "/slow-head":
            self._drip(b"HTTP/1.0 200 OK\r\nX-Slow: " + b"x" * 100 + b"\r\n\r\npicture")
            return
        if self.path.startswith("/hop-"):
            threading.Event().wait(0.2)
            self.send_response(302)
            hop = int(self.path.removeprefix("/hop-"))
            self.send_header("Location", f"/hop-{hop - 1}" if hop else "/good")
            self.end_headers()
            return
        self.send_response(200)
        if self.path.startswith("/packed"):
            self.send_header("Content-Encoding", self.path.partition("-")[2].partition(".")[0])
        self.end_headers()
        try:
            if self.path.startswith("/packed"):
                self.wfile.write(PACKED[self.path.partition(".")[2]])
            elif self.path.startswith("/echo/"):
                self.wfile.write(self.path.encode())
            elif self.path == "/page":
                self.wfile.write(b" \n<!DOCTYPE html><html><title>Sign in</title></html>")
            elif self.path == "/good":
                self.wfile.write(b"picture")
            elif self.path == "/endless":
                while True:
                    self.wfile.write(b"x" * 65536)
            elif self.path == "/slow":
                self._drip(b"x" * 100)
        except OSError:
            self.close_connection = True

    def _drip(self, data: bytes) -> None:
        """Send the bytes one by one, too fast for the timeout of a socket."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                threading.Event().wait(0.05)

    def _answer(self, name: str, value: str, condition: str) -> None:
        """Send the image with one more header, or 304 if the request has a condition that this path supports."""
        sent = self.headers.get("If-None-Match") or self.headers.get("If-Modified-Since") or ""
        self.conditions.append(sent)
        if condition and self.headers.get(condition) == value:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header(name, formatdate(usegmt=True) if value == "now" else value)
        self.end_headers()
        self.wfile.write(b"picture")

    def log_message(self, format: str, *values: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(url: str) -> bytes:
    return read_image(SourceRow("a", url, {}), max_image_bytes=100_000, timeout_s=0.5)


def test_an_image_is_fetched_from_a_url_and_through_a_redirect(shop: str) -> None:
    assert fetched(f"{shop}/good") == fetched(f"{shop}/to-good") == b"picture"


@pytest.mark.parametrize("path", ["missing", "slow", "slow-head", "hop-8", "to-ftp", "to-file"])
def test_a_url_without_an_image_in_time_is_a_bad_row(shop: str, path: str) -> None:
    begin_s = time.monotonic()
    with pytest.raises(UnreadableImage, match=f"{path} cannot be fetched"):
        fetched(f"{shop}/{path}")
    assert time.monotonic() - begin_s < 1.5


def test_an_endless_response_is_left_at_the_limit(shop: str) -> None:
    with pytest.raises(ImageTooLarge, match="100000"):
        fetched(f"{shop}/endless")


def test_a_large_or_missing_file_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100_001)
    with pytest.raises(ImageTooLarge):
        fetched(str(tmp_path / "large"))
    for image in ("", str(tmp_path / "none"), str(tmp_path), "ftp://127.0.0.1/x", "zero\0byte"):
        with pytest.raises(UnreadableImage):
            fetched(image)


def old(path: Path, data: bytes, *, mtime_ns: int = 1_700_000_000_000_000_001) -> Path:
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def test_a_file_is_recognised_by_size_and_time_without_being_opened(tmp_path: Path) -> None:
    row = SourceRow("a", str(old(tmp_path / "a", b"12345")), {})
    image = read_if_changed(row, unless="")
    assert image == FetchedImage(b"12345", "5:1700000000000000001")
    assert image is not None and unchanged(row, image.fingerprint)
    assert read_if_changed(row, unless=image.fingerprint) is None
    assert not unchanged(row, "")
    old(tmp_path / "a", b"54321", mtime_ns=1_700_000_000_000_000_002)
    assert not unchanged(row, image.fingerprint)
    assert read_if_changed(row, unless=image.fingerprint) == FetchedImage(b"54321", "5:1700000000000000002")
    old(tmp_path / "a", b"123456")
    assert not unchanged(row, image.fingerprint)
    (tmp_path / "a").unlink()
    assert not unchanged(row, image.fingerprint)


@pytest.mark.parametrize("age_s", [-3600.0, 0.0, 1.0])
def test_a_file_too_young_for_its_clock_gets_no_fingerprint(tmp_path: Path, age_s: float) -> None:
    path = old(tmp_path / "a", b"1", mtime_ns=time.time_ns() - int(age_s * 1e9))
    assert read_if_changed(SourceRow("a", str(path), {}), unless="") == FetchedImage(b"1", "")
    old(path, b"1", mtime_ns=time.time_ns() - int(3e9))
    settled = read_if_changed(SourceRow("a", str(path), {}), unless="")
    assert settled is not None and settled.fingerprint


@pytest.mark.parametrize(
    ("path", "fingerprint", "condition"),
    [("tag", 'etag:"v1"', '"v1"'), ("tag-unconditional", 'etag:"v1"', '"v1"'), ("date", f"modified:{OLD}", OLD)],
)
def test_a_request_carries_the_validator_of_the_last_response(
    shop: str, path: str, fingerprint: str, condition: str
) -> None:
    row = SourceRow("a", f"{shop}/{path}", {})
    assert read_if_changed(row, unless="") == FetchedImage(b"picture", fingerprint)
    assert not unchanged(row, fingerprint)  # sends no request
    assert read_if_changed(row, unless=fingerprint) is None
    assert Shop.conditions[-2:] == ["", condition]
    assert read_if_changed(row, unless='etag:"v0"') == FetchedImage(b"picture", fingerprint)


@pytest.mark.parametrize("path", ["good", "new", "strange"])
def test_a_response_without_a_reliable_validator_gets_no_fingerprint(shop: str, path: str) -> None:
    assert read_if_changed(SourceRow("a", f"{shop}/{path}", {}), unless="") == FetchedImage(b"picture", "")


@pytest.mark.parametrize(
    ("name", "sent"),
    [("100% wool.png#zoom", "100%25%20wool.png"), ("50%25.png", "50%25.png"), ("a%zz?b=1%", "a%25zz?b=1%25")],
)
def test_a_percent_sign_that_is_no_escape_is_sent_as_one(shop: str, name: str, sent: str) -> None:
    assert fetched(f"{shop}/echo/{name}") == f"/echo/{sent}".encode()
    assert fetched(f"{shop.replace('http', 'HTTP')}/echo/{name}") == f"/echo/{sent}".encode()


@pytest.mark.parametrize(
    "path", ["gzip.gzip", "x-gzip.gzip", "GZIP.gzip", "deflate.zlib", "gzip.plain", "deflate.plain"]
)
def test_an_image_that_its_host_compressed_is_unpacked(shop: str, path: str) -> None:
    assert fetched(f"{shop}/packed-{path}") == b"picture"


def test_a_compressed_bomb_is_left_at_the_limit(shop: str) -> None:
    with pytest.raises(ImageTooLarge, match="100000"):
        fetched(f"{shop}/packed-gzip.bomb")


def test_a_web_page_is_named_as_one(shop: str) -> None:
    with pytest.raises(UnreadableImage, match="web page"):
        fetched(f"{shop}/page")


@pytest.mark.parametrize("path", ["/good", "/to-good"])
def test_a_private_address_is_refused_unless_it_is_allowed(shop: str, path: str) -> None:
    for host in (shop, shop.replace("127.0.0.1", "localhost")):
        row = SourceRow("a", f"{host}{path}", {})
        with pytest.raises(UnreadableImage, match=r"not a public one.*LIKEBUT_ALLOW_PRIVATE_HOSTS"):
            read_if_changed(row, unless="", private_hosts=False)
        image = read_if_changed(row, unless="")
        assert image is not None and image.data == b"picture"
    with pytest.raises(UnreadableImage, match="LIKEBUT_ALLOW_PRIVATE_HOSTS"):
        read_if_changed(SourceRow("a", "ftp://10.0.0.1/a.png", {}), unless="", private_hosts=False)
