"""Milvus's real standalone server, of the package `milvus`, as a child process with a folder of its own."""

import importlib.util
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON = "MILVUS_PYTHON"  # the interpreter of an environment that has the package: it needs other versions than ours
START_S = 120.0

RUN = """
import socket
import sys
from milvus import MilvusServerConfig, default_server

def bound(config, port):
    # the package's own refuses a port for a minute after its last connection has ended
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        return None
    return listener

MilvusServerConfig.try_bind_port = bound
default_server.set_base_dir(sys.argv[1])
if len(sys.argv) > 2:
    default_server.listen_port = int(sys.argv[2])
default_server.start()
print("port", default_server.listen_port, flush=True)
sys.stdin.read()
"""


def reason_to_skip() -> str:
    """Why no server can be started here, "" if one can."""
    if importlib.util.find_spec("milvus") is not None or os.environ.get(PYTHON):
        return ""
    return f"the package milvus is not installed, and {PYTHON} names no Python that has it"


class StandaloneServer:
    """A server on this machine with its data in a folder: killed and started again at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._port: int | None = None

    def start(self) -> str:
        """Starts it, at its former port, and returns HOST:PORT; raises RuntimeError if it does not start."""
        port = [] if self._port is None else [str(self._port)]
        log = self._folder / "log"
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [os.environ.get(PYTHON, sys.executable), "-c", RUN, str(self._folder / "server"), *port],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("port "):
            self.kill()
            raise RuntimeError(f"the server did not start: {log.read_text()[-500:]}")
        self._port = int(line.split()[1])
        return f"127.0.0.1:{self._port}"

    def kill(self) -> None:
        """Ends it at once: a polite end may take half an hour."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Yields HOST:PORT of a server; raises RuntimeError if it does not start."""
    server = StandaloneServer(folder)
    try:
        yield server.start()
    finally:
        server.kill()
