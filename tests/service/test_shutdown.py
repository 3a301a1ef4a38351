"""The end of the process: not ready at once, serving on for a while, every open request answered, and in time."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.http.body import BYTES_PER_S

SERVE = [sys.executable, "-m", "service.cli", "serve", "--port", "0"]
# A thread that never ends, as one whose library hangs: Python waits for it, however the process is asked to end.
HANGING = "import sys, threading; threading.Thread(target=threading.Event().wait).start(); "
HANGING += "from service import cli; sys.argv = ['likebut', *sys.argv[1:]]; cli.main()"


@contextmanager
def started(
    log: Path, *words: str | Path, command: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and its port, as soon as it serves."""
    with log.open("wb") as file:
        process = subprocess.Popen([*(command or SERVE), *map(str, words)], stderr=file)
    try:
        end = time.monotonic() + 60
        while "\n" not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield process, int(log.read_text().splitlines()[0].rstrip("/").rpartition(":")[2])
    finally:
        process.kill()
        process.wait()


@contextmanager
def half_a_search(port: int) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection on which a search was begun, and the rest of it, which may take 20 s for the blanks before it."""
    body = b" " * 20 * BYTES_PER_S + json.dumps({"text": "a red ball", "k": 3}).encode()
    head = "POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-5])
        yield connection, body[-5:]


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """The status and the body of all that comes until the connection is closed."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def not_ready(client: httpx.Client) -> str:
    """Why, as soon as it is not."""
    end = time.monotonic() + 30
    while (ready := client.get("/readyz")).status_code == 200:
        assert time.monotonic() < end
    return str(ready.json()["detail"])


def test_it_serves_on_while_not_ready_and_answers_what_is_open(gallery: Path, tmp_path: Path) -> None:
    words = ("--gallery", gallery, "--drain-s", "60")
    with (
        started(tmp_path / "log", *words) as (process, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        half_a_search(port) as (connection, rest),
    ):
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert not_ready(client)
        assert client.get("/livez").status_code == 200
        for _ in range(5):  # each on a new connection, as a load balancer that has not noticed yet
            assert client.post("/search", json={"text": "x"}).status_code == 200
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)  # the drain's end
        end = time.monotonic() + 10
        with pytest.raises(httpx.TransportError):  # refused, or cut off as it arrives
            while time.monotonic() < end:
                client.get("/livez")
        connection.sendall(rest)  # begun before the signals and ended after the drain
        status, found = answer(connection)
        hits = found["hits"]
        assert status == 200 and isinstance(hits, list) and len(hits) == 3
        assert process.wait(timeout=30) == 0


def test_the_drain_ends_by_itself_and_not_before(gallery: Path, tmp_path: Path) -> None:
    with started(tmp_path / "log", "--gallery", gallery, "--drain-s", "1.5") as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - began >= 1.5


def test_a_request_that_does_not_end_is_told_and_the_process_ends_in_time(gallery: Path, tmp_path: Path) -> None:
    words = ("--gallery", gallery, "--drain-s", "0", "--grace-s", "8")
    with started(tmp_path / "log", *words) as (process, port), half_a_search(port) as (connection, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, problem = answer(connection)
        assert status == 503 and problem["type"] == "urn:likebut:problem:not-ready"
        assert time.monotonic() - began >= 4  # the half that is for open requests
        assert process.wait(timeout=30) == 0  # and not 1, as when it is cut off at the end of the grace


def test_a_signal_before_it_serves_ends_it_at_once_and_in_order(gallery: Path, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*SERVE, "--gallery", gallery, "--drain-s", "60"], stderr=log)
    try:
        end = time.monotonic() + 60
        # the model is opened after the signal was taken in hand, or a container's first process would ignore it
        while not handled(process.pid) & (1 << (signal.SIGTERM - 1)):
            assert time.monotonic() < end
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "log").read_text() == ""


def handled(pid: int) -> int:
    """The signals that a process handles itself, one bit each."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")]
    return int(line.split()[1], 16)


def test_ctrl_c_does_not_drain(gallery: Path, tmp_path: Path) -> None:
    with started(tmp_path / "log", "--gallery", gallery, "--drain-s", "60") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_a_second_signal_ends_the_draining(gallery: Path, tmp_path: Path) -> None:
    with (
        started(tmp_path / "log", "--gallery", gallery, "--drain-s", "500") as (process, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        process.send_signal(signal.SIGTERM)
        not_ready(client)  # or the two might come as one
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_thread_that_hangs_cannot_keep_the_process(gallery: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-c", HANGING, "serve", "--port", "0")
    words = ("--gallery", gallery, "--drain-s", "0", "--grace-s", "2")
    with started(tmp_path / "log", *words, command=command) as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 1  # else it would take for ever
        assert time.monotonic() - began >= 2
    assert "cut off" in (tmp_path / "log").read_text()
