"""nginx before two instances: a search is answered while either of them is gone, and a change is never made twice."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import httpx
import pytest

from tests.deploy.conftest import ROOT

CONFIG = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")


class Instance(BaseHTTPRequestHandler):
    """Answers every POST with its port; where the body is `die`, it breaks off instead of answering, as a kill does."""

    protocol_version = "HTTP/1.1"
    taken: list[tuple[int, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        _, port = self.connection.getsockname()
        self.taken.append((port, self.path))
        if body == "die" and len([path for _, path in self.taken if path == self.path]) == 1:
            self.close_connection = True
            self.connection.close()
            return
        answer = str(port).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what failed."""


@contextmanager
def instance(taken: list[tuple[int, str]], port: int = 0) -> Iterator[int]:
    handler = type("Taking", (Instance,), {"taken": taken})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def free() -> int:
    with create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def nginx(folder: Path, *ports: int) -> Iterator[str]:
    binary = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        pytest.skip("nginx is not installed")
    front = free()
    config = CONFIG
    for said, is_ in zip(("127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8080"), (*ports, front), strict=True):
        assert said in config
        config = config.replace(said, f"127.0.0.1:{is_}")
    (folder / "nginx.conf").write_text(config)
    process = subprocess.Popen([binary, "-p", folder, "-c", "nginx.conf"], stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 10
        while not listens(front):
            assert process.poll() is None and time.monotonic() < end, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{front}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/livez")
    except httpx.TransportError:
        return False
    return True


def test_searches_and_changes_are_answered_while_an_instance_is_gone(tmp_path: Path) -> None:
    gone = free()
    taken: list[tuple[int, str]] = []
    with instance(taken) as here, nginx(tmp_path, gone, here) as address, httpx.Client(base_url=address) as client:
        for path in ("/search", "/searches", "/items", "/index") * 5:
            assert client.post(path, content=b"x").text == str(here)
        with instance(taken, gone):  # it comes back, and takes its part within two seconds
            time.sleep(1.5)
            assert {client.post("/search", content=b"x").text for _ in range(20)} == {str(here), str(gone)}


def test_a_search_that_an_instance_took_to_its_grave_is_asked_again_and_a_change_is_not(tmp_path: Path) -> None:
    taken: list[tuple[int, str]] = []
    with instance(taken) as a, instance(taken) as b, nginx(tmp_path, a, b) as address:
        assert httpx.post(f"{address}/search", content=b"die").status_code == 200
        assert [path for _, path in taken] == ["/search"] * 2
        assert httpx.post(f"{address}/items", content=b"die").status_code == 502
        assert [path for _, path in taken] == ["/search"] * 2 + ["/items"]


def test_what_is_for_operators_is_not_answered(tmp_path: Path) -> None:
    with nginx(tmp_path, free(), free()) as address:
        for path in ("/metrics", "/livez", "/readyz"):
            assert httpx.get(address + path).status_code == 404
