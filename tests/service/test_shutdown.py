"""Shutdown: not ready at once, a drain, every open request answered, and an end in time."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.http.body import BYTES_PER_S
from service.settings import Settings

Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[FastAPI]]], FastAPI]

SERVE = [sys.executable, "-m", "service.cli", "serve", "--port", "0"]
# A thread that never ends, as if a library hangs: Python waits for it at a normal exit.
HANGING = "import sys, threading; threading.Thread(target=threading.Event().wait).start(); "
HANGING += "from service import cli; sys.argv = ['likebut', *sys.argv[1:]]; cli.main()"


@contextmanager
def started(
    log: Path, *words: str | Path, command: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Starts the service; yields its process and port."""
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
    """Sends a search except its last bytes; yields the connection and the rest, which may take 20 s for its size."""
    body = b" " * 20 * BYTES_PER_S + json.dumps({"text": "a red ball", "k": 3}).encode()
    head = "POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-5])
        yield connection, body[-5:]


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Return status and body of the response, read until the connection is closed."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def not_ready(client: httpx.Client) -> str:
    """Return the reason as soon as it is not ready."""
    end = time.monotonic() + 30
    while (ready := client.get("/readyz")).status_code == 200:
        assert time.monotonic() < end
    return str(ready.json()["detail"])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_while_draining_it_serves_and_finishes_open_requests(workers: str, gallery: Path, tmp_path: Path) -> None:
    words = ("--gallery", gallery, "--drain-s", "60", "--workers", workers)
    with (
        started(tmp_path / "log", *words) as (process, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        half_a_search(port) as (connection, rest),
    ):
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert not_ready(client)
        assert client.get("/livez").status_code == 200
        for _ in range(5):  # each on a new connection, like a load balancer that has not noticed yet
            assert client.post("/search", json={"text": "x"}).status_code == 200
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)  # ends the drain
        end = time.monotonic() + 10
        with pytest.raises(httpx.TransportError):  # refused or reset
            while time.monotonic() < end:
                client.get("/livez")
        connection.sendall(rest)  # started before the signals, finished after the drain
        status, found = answer(connection)
        hits = found["hits"]
        assert status == 200 and isinstance(hits, list) and len(hits) == 3
        assert process.wait(timeout=30) == 0


def test_a_connection_made_before_the_end_still_gets_its_answer(gallery: Path, tmp_path: Path) -> None:
    with started(tmp_path / "log", "--gallery", gallery, "--drain-s", "0") as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            time.sleep(0.1)  # until it is accepted
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionError):
                while True:
                    socket.create_connection(("127.0.0.1", port), timeout=30).close()
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert answer(connection)[0] == 200
        assert process.wait(timeout=30) == 0


def test_the_drain_lasts_as_long_as_set(gallery: Path, tmp_path: Path) -> None:
    with started(tmp_path / "log", "--gallery", gallery, "--drain-s", "1.5") as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unfinished_request_gets_503_and_the_process_ends(workers: str, gallery: Path, tmp_path: Path) -> None:
    words = ("--gallery", gallery, "--drain-s", "0", "--grace-s", "8", "--workers", workers)
    with started(tmp_path / "log", *words) as (process, port), half_a_search(port) as (connection, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, problem = answer(connection)
        assert status == 503 and problem["type"] == "urn:likebut:problem:not-ready"
        assert time.monotonic() - began >= 4  # half of the grace period is for open requests
        assert process.wait(timeout=30) == 0  # 1 would mean a cut-off at the end of the grace period


def test_a_signal_during_the_start_ends_it_at_once(gallery: Path, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*SERVE, "--gallery", gallery, "--drain-s", "60"], stderr=log)
    try:
        end = time.monotonic() + 60
        # the signal handler is set before the model is opened; process 1 of a container ignores SIGTERM without one
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
    """Return the signals that a process handles, one bit each."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")]
    return int(line.split()[1], 16)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_does_not_drain(workers: str, gallery: Path, tmp_path: Path) -> None:
    words = ("--gallery", gallery, "--drain-s", "60", "--workers", workers)
    with started(tmp_path / "log", *words) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_a_second_signal_ends_the_draining(gallery: Path, tmp_path: Path) -> None:
    with (
        started(tmp_path / "log", "--gallery", gallery, "--drain-s", "500") as (process, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        process.send_signal(signal.SIGTERM)
        not_ready(client)  # otherwise the two signals might merge
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_thread_that_hangs_cannot_keep_the_process_alive(gallery: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-c", HANGING, "serve", "--port", "0", "--workers", "1")  # the thread is in this process
    words = ("--gallery", gallery, "--drain-s", "0", "--grace-s", "2")
    with started(tmp_path / "log", *words, command=command) as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 1  # otherwise it would never end
        assert time.monotonic() - began >= 2
    assert "cut off" in (tmp_path / "log").read_text()


def test_the_journal_is_closed_and_checkpointed_at_the_end(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    copy = shutil.copytree(gallery, tmp_path / "gallery")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> FastAPI:
        assert (await client.patch("/items/red-box", json={"attributes": {"price": 9}})).status_code == 200
        assert (copy / "journal.sqlite-wal").stat().st_size
        return app  # as a server may, which drops it only when the process ends

    app = inside(Settings(gallery=copy), scenario)
    assert app.state.service is not None
    assert not (copy / "journal.sqlite-wal").exists()
