"""A download keeps its limits against servers that misbehave below HTTP, and writes URLs as browsers do."""

import contextlib
import email.utils
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from index.sources.download import Downloader, DownloadError, DownloadTooLarge, FetchedImage, HostFailure
from index.sources.image_bytes import OperatorPolicy
from models.retry_after import retry_after_s

Act = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
DEADLINE_S = 0.5
LONG_S = 5.0  # of a loaded machine; each of these servers would take longer or for ever


class LoopbackPolicy(OperatorPolicy):
    """Operator's policy whose names are all at given addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    def addresses(self, host: str, port: int) -> Sequence[str]:
        return self._addresses


@contextmanager
def server(*acts: Act) -> Iterator[tuple[int, list[bytes]]]:
    """Server of one connection after the other, each with its own behaviour; yields its port and request heads."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for act in acts:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(20)
                    heads.append(connection.recv(65536))
                    act(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], heads
    thread.join(20)
    listener.close()
    assert not thread.is_alive()


def send(data: bytes) -> Act:
    return lambda connection: connection.sendall(data)


def drip(data: bytes, *, first: bytes = b"", pause_s: float = 0.01) -> Act:
    def act(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(data)
            time.sleep(pause_s)

    return act


def fetch(url: str, *addresses: str, timeout_s: float = 3.0, max_bytes: int = 1000) -> object:
    downloader = Downloader(LoopbackPolicy(*addresses or ("127.0.0.1",)))
    return downloader.download(url, max_bytes=max_bytes, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://Shop.example/summer dress.png", b"shop.example", b"/summer%20dress.png"),
        ("http://shop.example/größe 42.png ", b"shop.example", b"/gr%C3%B6%C3%9Fe%2042.png"),
        ("http://shop.example/i?name=größe&x=a%20b", b"shop.example", b"/i?name=gr%C3%B6%C3%9Fe&x=a%20b"),
        ("http://shop.example/a%20b+c/(1),2;3=4@5:~!*'$", b"shop.example", b"/a%20b+c/(1),2;3=4@5:~!*'$"),
        ("http://bücher.example", b"xn--bcher-kva.example", b"/"),
        ("http://shop.example?size=3#part", b"shop.example", b"/?size=3"),
    ],
)
def test_a_url_is_encoded_as_a_browser_does(url: str, host: bytes, target: bytes) -> None:
    with server(send(OK + b"Content-Length: 1\r\n\r\nx")) as (port, heads):
        scheme, rest = url.split("://")
        name = rest.partition("/")[0].partition("?")[0]
        assert fetch(f"{scheme}://{name}:{port}{rest.removeprefix(name)}") == FetchedImage(b"x", "")
    assert heads[0].startswith(b"GET %s HTTP/1.1\r\nHost: %s:%d\r\n" % (target, host, port))


def test_a_redirect_to_raw_utf8_or_latin1_keeps_its_bytes() -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
    acts = send(moved + "/größe 1\r\n\r\n".encode()), send(moved + "/größe\r\n\r\n".encode("latin-1"))
    with server(*acts, send(OK + b"Content-Length: 0\r\n\r\n")) as (port, heads):
        assert fetch(f"http://shop.example:{port}/") == FetchedImage(b"", "")
    assert [head.split()[1] for head in heads] == [b"/", b"/gr%C3%B6%C3%9Fe%201", b"/gr%F6%DFe"]


MOVED = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
PACKED = gzip.compress(b"an image" * 50, mtime=0)[:-12]


@pytest.mark.parametrize(
    ("acts", "is_gone"),
    [
        ([MOVED + b"/\r\n\r\n"] * 11, False),
        ([MOVED + b"file:///etc/passwd\r\n\r\n"], False),
        ([MOVED + b"http://[::1\r\n\r\n"], False),
        ([MOVED + b"http://a:99999/\r\n\r\n"], False),
        ([OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(PACKED), PACKED)], False),
        ([MOVED + b"/b\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], True),
        ([b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"], True),
    ],
)
def test_only_a_host_that_says_so_has_lost_the_image(acts: list[bytes], is_gone: bool) -> None:
    with server(*map(send, acts)) as (port, _), pytest.raises(DownloadError) as raised:
        fetch(f"http://shop.example:{port}/")
    assert isinstance(raised.value, HostFailure) != is_gone


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "http://user:pw@127.0.0.1/", "http://a:99999/", "http://[::1/"]
)
def test_a_url_without_a_usable_host_is_refused(url: str) -> None:
    with pytest.raises(DownloadError):
        fetch(url)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "act"),
    [
        ("http", drip(b"H")),
        ("http", drip(b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("http", drip(b"x", first=OK + b"\r\n")),
        ("http", lambda connection: connection.recv(1)),  # silent until the client leaves
        ("https", drip(b"\0", first=b"\x16\x03\x03\x40\0\x02")),  # a record of the handshake that is never complete
    ],
    ids=["head", "informational", "body", "silence", "handshake"],
)
def test_one_deadline_ends_the_download_however_the_time_is_spent(scheme: str, act: Act) -> None:
    with server(act) as (port, _):
        begin_s = time.monotonic()
        with pytest.raises(DownloadError, match="did not come within"):
            fetch(f"{scheme}://shop.example:{port}/", timeout_s=DEADLINE_S)
        assert time.monotonic() - begin_s < LONG_S


@pytest.mark.parametrize(
    ("act", "error", "reason"),
    [
        (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, pause_s=0), DownloadError, "beside the image"),
        (drip(b"X: " + b"x" * 1000 + b"\r\n", first=OK, pause_s=0), DownloadError, "invalid HTTP"),
        (drip(b"1;%s\r\nx\r\n" % (b"x" * 8000), first=CHUNKED, pause_s=0), DownloadError, "beside the image"),
        (drip(b"x" * 500, first=OK + b"\r\n", pause_s=0), DownloadTooLarge, "more than 1000 bytes"),
        (lambda connection: connection.sendall(OK + b"Content-Length: 1001\r\n\r\n"), DownloadTooLarge, "more than"),
    ],
    ids=["informational", "headers", "extensions", "body", "declared"],
)
def test_a_response_without_end_is_left_at_the_limit(act: Act, error: type[DownloadError], reason: str) -> None:
    with server(act) as (port, _), pytest.raises(error, match=reason):
        fetch(f"http://shop.example:{port}/", timeout_s=20)


def test_the_next_address_is_tried_if_one_refuses() -> None:
    with server(send(OK + b"Content-Length: 1\r\n\r\nx")) as (port, _):
        assert fetch(f"http://shop.example:{port}/", "127.0.0.3", "127.0.0.1") == FetchedImage(b"x", "")
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(f"http://shop.example:{port}/", "127.0.0.3", "127.0.0.2")


def test_a_name_that_resolves_after_the_deadline_is_not_connected() -> None:
    class SlowPolicy(LoopbackPolicy):
        def addresses(self, host: str, port: int) -> Sequence[str]:
            time.sleep(0.1)
            return super().addresses(host, port)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://shop.example:{listener.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="did not come within"):
            Downloader(SlowPolicy("127.0.0.1")).download(url, max_bytes=1, timeout_s=0.05)
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    assert 25 < retry_after_s(email.utils.formatdate(time.time() + 30, usegmt=True)) <= 30
    assert retry_after_s(email.utils.formatdate(time.time() - 30, usegmt=True)) == 0
    assert retry_after_s("soon") == retry_after_s("") == retry_after_s("nan") == retry_after_s("-1") == 0
    assert retry_after_s("Mon, 01 Jan 99999999999 00:00:00 GMT") == 0
    assert retry_after_s("1.5") == 1.5 and retry_after_s("9" * 400) > 1e9
