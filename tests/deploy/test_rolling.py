"""Two real instances behind nginx are restarted one after the other under load, and no search fails."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.deploy.conftest import ROOT
from tests.deploy.test_nginx import free, nginx

CALLERS = 4


def started(gallery: Path, port: int, stack: ExitStack) -> subprocess.Popen[bytes]:
    """An instance, as soon as it is ready."""
    words = ["serve", "--gallery", str(gallery), "--port", str(port), "--drain-s", "1"]
    command = [sys.executable, "-m", "service.cli", *words]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    stack.callback(process.kill)
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None and time.monotonic() < end
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)


def test_a_rolling_restart_of_two_instances_fails_no_search(gallery: Path, tmp_path: Path) -> None:
    ports = [free(), free()]
    statuses: Counter[int | str] = Counter()
    over = threading.Event()
    with ExitStack() as stack:
        instances = {port: started(gallery, port, stack) for port in ports}
        address = stack.enter_context(nginx(tmp_path, *ports))

        def ask() -> None:
            with httpx.Client(base_url=address, timeout=30) as client:
                while not over.is_set():
                    try:
                        statuses[client.post("/search", json={"text": "a red mug", "k": 3}).status_code] += 1
                    except httpx.TransportError as error:
                        statuses[type(error).__name__] += 1

        callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            for port in ports * 2:
                before = statuses[200]
                instances[port].send_signal(signal.SIGTERM)
                assert instances[port].wait(timeout=60) == 0
                instances[port] = started(gallery, port, stack)
                time.sleep(1.5)  # nginx takes it back
                assert statuses[200] > before
        finally:
            over.set()
            for caller in callers:
                caller.join()
        for process in instances.values():
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
    assert set(statuses) == {200}, statuses
    assert statuses[200] > 20 * CALLERS
