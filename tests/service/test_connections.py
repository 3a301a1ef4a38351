"""Connections of a served process: idle and dripping ones end, their number is limited, and probes are answered."""

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from models.errors import ConfigError
from service.connections import SPARE
from service.listening import listen
from service.protocol import HEAD_S, UNREAD_S
from service.server import DESCRIPTORS
from tests.imports import ROOT

Serve = Callable[..., AbstractContextManager[str]]
LIMIT = 20
HEAD = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def served(gallery: Path, serve: Serve) -> Iterator[str]:
    """A service with few connections."""
    with serve("--gallery", gallery, "--max-connections", str(LIMIT)) as address:
        yield address


def connected(address: str, sent: bytes = b"") -> socket.socket:
    """Return a new connection on which something was sent."""
    host, _, port = address.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(sent)
    return connection


def small_buffer(address: str) -> socket.socket:
    """Return a new connection that receives little before it is read."""
    host, _, port = address.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    return connection


def open_connections(address: str) -> int:
    """Return the number of connections, with the one that asks for it."""
    (line,) = [line for line in httpx.get(f"{address}/metrics").text.splitlines() if line.startswith("likebut_conn")]
    return int(float(line.split()[1]))


def received(connection: socket.socket) -> bytes:
    """Return everything until the end of the connection."""
    data = b""
    with suppress(ConnectionError):
        while more := connection.recv(100_000):
            data += more
    return data


def seconds_until_end(connection: socket.socket, *, drip: bytes) -> tuple[float, bytes]:
    """Return how long the service let the connection live while bytes were sent one by one, and its answer."""
    began, data = time.monotonic(), b""
    connection.settimeout(0.5)
    while time.monotonic() - began < 4 * HEAD_S:
        try:
            if not (more := connection.recv(10_000)):
                break
            data += more
        except TimeoutError:
            with suppress(ConnectionError):
                connection.sendall(drip)
        except ConnectionError:
            break
    return time.monotonic() - began, data


@pytest.mark.slow
def test_silent_and_dripping_connections_end(served: str) -> None:
    results: dict[str, tuple[float, bytes]] = {}
    begun = {
        "silent": (b"", b""),
        "line breaks": (b"", b"\r\n"),
        "a dripping head": (b"GET / HTTP/1.1\r\nX: ", b"x"),
        "kept alive": (LIVE, b""),
        "kept alive with line breaks": (LIVE, b"\r\n"),
        "a dripping second head": (LIVE, b"\r\nGET / HTTP/1.1\r\nX: "),
        "a body that is not read": (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        "a dripping body": (HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
    }

    def run(name: str) -> None:
        sent, drip = begun[name]
        with connected(served, sent) as connection:
            results[name] = seconds_until_end(connection, drip=drip)

    threads = [threading.Thread(target=run, args=(name,)) for name in begun]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, (seconds, _) in results.items():
        assert seconds < 2 * HEAD_S, name
    assert results["silent"][1] == b""
    assert results["a dripping head"][1].startswith(b"HTTP/1.1 408 ")
    assert results["a dripping body"][1].startswith(b"HTTP/1.1 408 ")
    assert results["kept alive"][1].startswith(b"HTTP/1.1 200 ")
    assert b" 408 " not in results["a body that is not read"][1]


def test_idle_connections_make_room_for_others(served: str) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(served, b"GET / HTTP/1.1\r\nX: ")) for _ in range(5 * (LIMIT + SPARE))]
        assert httpx.post(f"{served}/search", json={"text": "a red ball"}, timeout=10).status_code == 200
        assert received(idle[0]) == b""  # the oldest made room


def test_beyond_the_limit_only_probes_are_answered(served: str) -> None:
    with ExitStack() as stack:
        body = b"Content-Length: 1000\r\n\r\n{"
        busy = [stack.enter_context(connected(served, HEAD + body)) for _ in range(LIMIT)]
        time.sleep(0.5)
        answer = httpx.post(f"{served}/search", json={"text": "a red ball"}, timeout=10)
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
        assert answer.json()["type"] == "urn:likebut:problem:too-many-connections"
        large = httpx.post(f"{served}/search", content=b" " * 400_000, headers={"Content-Type": "application/json"})
        assert large.status_code == 503
        for path in ("/livez", "/readyz", "/metrics"):
            assert httpx.get(served + path, timeout=10).status_code == 200, path
        assert 'likebut_rejected_total{reason="too-many-connections"} 2.0' in httpx.get(f"{served}/metrics").text
        silent = [stack.enter_context(connected(served)) for _ in range(2 * SPARE)]
        assert httpx.get(f"{served}/readyz", timeout=10).status_code == 200
        assert len(busy) + len(silent) > LIMIT
    for _ in range(50):
        if httpx.post(f"{served}/search", json={"text": "a red ball"}, timeout=10).status_code == 200:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the connections were not freed")


@pytest.mark.slow
def test_a_caller_that_reads_no_answer_is_cut_off(served: str) -> None:
    """A small receive buffer and pipelined requests fill the buffers of both sides."""
    with small_buffer(served) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 12)
        time.sleep(UNREAD_S / 2)
        assert open_connections(served) == 2  # and that of the metrics
        time.sleep(UNREAD_S)
        assert open_connections(served) == 1


def test_a_caller_that_reads_slowly_gets_its_answer(served: str) -> None:
    whole = httpx.get(f"{served}/openapi.json").content
    with small_buffer(served) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.0\r\n\r\n")
        data = b""
        while more := connection.recv(2000):
            data += more
            time.sleep(0.01)
    assert data.endswith(whole)


def test_a_process_without_descriptors_recovers(gallery: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--drain-s", "0", "--gallery", str(gallery)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stderr=file)
    try:
        while "\n" not in log.read_text() and process.poll() is None:
            time.sleep(0.05)
        address = log.read_text().splitlines()[0].split()[-1].rstrip("/")
        with httpx.Client(base_url=address, timeout=10) as client:
            assert client.post("/search", json={"text": "ball"}).status_code == 200
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            used = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used + 1, hard))
            with ExitStack() as stack:
                for _ in range(100):
                    with suppress(OSError):
                        stack.enter_context(connected(address, LIVE))
                time.sleep(1)
                for path in ("/images/red-box", "/images/red-box?size=64"):
                    answer = client.get(path)
                    assert answer.status_code in (200, 503), answer.text
                assert client.post("/search", json={"text": "ball"}).status_code == 200
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            for _ in range(20):
                assert httpx.get(f"{address}/readyz", timeout=10).status_code == 200
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_the_limit_follows_the_descriptors_of_the_process(gallery: Path) -> None:
    limited = f"ulimit -n {DESCRIPTORS}; exec {sys.executable} -m service.cli serve --port 0 --gallery {gallery}"
    ended = subprocess.run(["bash", "-c", limited], cwd=ROOT, capture_output=True, timeout=60, text=True)
    assert ended.returncode == 2 and "ulimit -n" in ended.stderr and "Traceback" not in ended.stderr


def test_an_address_in_use_names_the_option() -> None:
    with listen("127.0.0.1", 0) as used, pytest.raises(ConfigError, match="--port"):
        listen("127.0.0.1", used.getsockname()[1])
