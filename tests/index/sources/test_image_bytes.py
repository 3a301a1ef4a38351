"""Pictures are read from disk and the network within limits, and known again by their fingerprints."""

import contextlib
import os
import threading
import time
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
SAYS = {  # path: header, its value, and the condition that the server knows
    "/tag": ("ETag", '"v1"', "If-None-Match"),
    "/tag-unconditional": ("ETag", '"v1"', ""),
    "/date": ("Last-Modified", OLD, "If-Modified-Since"),
    "/new": ("Last-Modified", "now", ""),
    "/strange": ("Last-Modified", "yesterday", ""),
}


class Shop(BaseHTTPRequestHandler):
    """Serves a picture, an endless one, a slow one, redirects, and pictures that say when they changed."""

    asked: ClassVar[list[str]] = []  # the conditions that were sent

    def do_GET(self) -> None:
        if self.path in SAYS:
            self._answer(*SAYS[self.path])
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
        self.end_headers()
        try:
            if self.path == "/good":
                self.wfile.write(b"picture")
            elif self.path == "/endless":
                while True:
                    self.wfile.write(b"x" * 65536)
            elif self.path == "/slow":
                self._drip(b"x" * 100)
        except OSError:
            self.close_connection = True

    def _drip(self, data: bytes) -> None:
        """Sends them one by one, never slow enough for the timeout of a socket."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                threading.Event().wait(0.05)

    def _answer(self, name: str, value: str, condition: str) -> None:
        """Sends the picture with one header more, or 304 where it is asked on a condition that this server knows."""
        sent = self.headers.get("If-None-Match") or self.headers.get("If-Modified-Since") or ""
        self.asked.append(sent)
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


def test_a_picture_is_fetched_from_a_url_and_through_a_redirect(shop: str) -> None:
    assert fetched(f"{shop}/good") == fetched(f"{shop}/to-good") == b"picture"


@pytest.mark.parametrize("path", ["missing", "slow", "slow-head", "hop-8", "to-ftp", "to-file"])
def test_a_url_that_gives_no_picture_in_time_is_a_bad_row(shop: str, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableImage, match=f"{path} cannot be fetched"):
        fetched(f"{shop}/{path}")
    assert time.monotonic() - began < 1.5


def test_an_endless_answer_is_cut_off(shop: str) -> None:
    with pytest.raises(ImageTooLarge, match="more than 100000 bytes"):
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


def test_a_file_is_known_by_its_size_and_time_of_change_without_being_opened(tmp_path: Path) -> None:
    row = SourceRow("a", str(old(tmp_path / "a", b"12345")), {})
    picture = read_if_changed(row, unless="")
    assert picture == FetchedImage(b"12345", "5:1700000000000000001")
    assert picture is not None and unchanged(row, picture.fingerprint)
    assert read_if_changed(row, unless=picture.fingerprint) is None
    assert not unchanged(row, "")
    old(tmp_path / "a", b"54321", mtime_ns=1_700_000_000_000_000_002)
    assert not unchanged(row, picture.fingerprint)
    assert read_if_changed(row, unless=picture.fingerprint) == FetchedImage(b"54321", "5:1700000000000000002")
    old(tmp_path / "a", b"123456")
    assert not unchanged(row, picture.fingerprint)
    (tmp_path / "a").unlink()
    assert not unchanged(row, picture.fingerprint)


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
def test_a_url_is_asked_on_the_condition_that_its_last_answer_gave(
    shop: str, path: str, fingerprint: str, condition: str
) -> None:
    row = SourceRow("a", f"{shop}/{path}", {})
    assert read_if_changed(row, unless="") == FetchedImage(b"picture", fingerprint)
    assert not unchanged(row, fingerprint)  # a network is not asked in passing
    assert read_if_changed(row, unless=fingerprint) is None
    assert Shop.asked[-2:] == ["", condition]
    assert read_if_changed(row, unless='etag:"v0"') == FetchedImage(b"picture", fingerprint)


@pytest.mark.parametrize("path", ["good", "new", "strange"])
def test_a_url_that_says_nothing_sure_of_its_changes_gets_no_fingerprint(shop: str, path: str) -> None:
    assert read_if_changed(SourceRow("a", f"{shop}/{path}", {}), unless="") == FetchedImage(b"picture", "")
