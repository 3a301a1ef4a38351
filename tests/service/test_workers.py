"""Several worker processes behind one port: jobs, metrics and rates are shared, and one that ends is replaced."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from service.auth import keys
from tests.imports import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]
Result = TypeVar("Result")
SEARCH = {"text": "a red ball", "k": 3}


class Service:
    """A running service with workers, its log and its processes."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
        self.process, self.log, self.url = process, log, url

    def workers(self) -> list[int]:
        """Return the process ids of the workers, the first one started first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return sorted(map(int, children.split()))

    def call(self, method: str, path: str, **rest: object) -> httpx.Response:
        """Sends one request on a connection of its own, which the kernel gives to any worker."""
        return httpx.request(method, self.url + path, timeout=30, **rest)  # type: ignore[arg-type]  # options of httpx by name

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        (line,) = re.findall(rf"^{name} (\S+)$", self.call("GET", "/metrics").text, flags=re.MULTILINE)
        return float(line)

    def wait(self, fact: str) -> None:
        """Waits until the log has the text."""
        end = time.monotonic() + 60
        while fact not in self.log.read_text(encoding="utf-8"):
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)


@contextmanager
def serving(folder: Path, *words: str | Path) -> Iterator[Service]:
    log = folder / "log"
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--drain-s", "0", "--workers", "2"]
    with log.open("wb") as file:
        process = subprocess.Popen([*command, *map(str, words)], cwd=ROOT, stderr=file)
    try:
        service = Service(process, log, "")
        service.wait("worker processes")
        service.url = log.read_text(encoding="utf-8").split()[2].rstrip("/")
        yield service
    finally:
        process.kill()
        process.wait()


@contextmanager
def searches(service: Service) -> Iterator[list[int]]:
    """Searches in two threads, each time on a new connection, until it is left; yields the statuses."""
    statuses: list[int] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            statuses.append(service.call("POST", "/search", json=SEARCH).status_code)

    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(search) for _ in range(2)]
        try:
            yield statuses
        finally:
            stop.set()
            for one in ended:
                one.result()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_jobs_changes_and_metrics(gallery: Path, shop: Path, sum_bundle: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--gallery", tmp_path / "gallery") as service:
        assert len(service.workers()) == 2 and service.metric("likebut_workers") == 2
        assert {service.call("POST", "/search", json=SEARCH).status_code for _ in range(6)} == {503}
        # a job that any worker takes is known to all, and when it is done all serve what it made
        for body in ({"source": str(shop)}, {"bundle": str(sum_bundle)}):
            accepted = service.call("POST", "/index", json=body)
            assert accepted.status_code == 202
            while True:
                states = [service.call("GET", accepted.headers["location"]).json() for _ in range(4)]
                if states[-1]["state"] not in ("queued", "running"):
                    break
                time.sleep(0.1)
            assert states[-1]["state"] == "done", states[-1]
            answers = [service.call("POST", "/search", json=SEARCH).json() for _ in range(12)]
            assert {answer["snapshot"] for answer in answers} == {states[-1]["snapshot"]}
            assert len({answer["model"] for answer in answers}) == 1
        unusable = [service.call("POST", "/index", json={"bundle": "/nowhere"}) for _ in range(6)]
        assert {(one.status_code, one.json()["errors"][0]["field"]) for one in unusable} == {(422, "bundle")}
        assert {service.call("GET", "/index/jobs/none").status_code for _ in range(6)} == {404}
        # a change that one worker has acknowledged is in the answers of both
        item = service.call("GET", "/items?limit=1").json()["items"][0]["id"]
        assert service.call("DELETE", f"/items/{item}").status_code == 204
        assert {service.call("GET", f"/items/{item}").status_code for _ in range(8)} == {404}
        # counters are sums
        service.call("POST", "/search", json=SEARCH)
        assert service.metric(r'likebut_http_requests_total\{method="POST",route="/search",status="200"\}') == 25
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_that_ends_is_replaced_and_a_renewal_fails_no_search(gallery: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--gallery", gallery) as service:
        before = service.workers()
        os.kill(before[1], signal.SIGKILL)
        service.wait('"worker 1 ended with status -9"')
        answered = [service.call("POST", "/search", json=SEARCH).status_code for _ in range(8)]
        assert set(answered) == {200}  # those of the ended one waited for its successor
        service.wait('"worker 1 serves"')
        assert service.metric("likebut_worker_restarts_total") == 1
        with searches(service) as statuses:
            service.process.send_signal(signal.SIGHUP)
            service.wait('"worker 0 serves"')
            end = time.monotonic() + 60
            while set(service.workers()) & set(before) or len(service.workers()) > 2:
                assert time.monotonic() < end
                time.sleep(0.1)
        assert set(statuses) == {200} and len(statuses) > 10
        left = service.workers()
        service.process.kill()  # the supervisor alone: its workers end by themselves
        end = time.monotonic() + 30
        while any(Path(f"/proc/{pid}/cmdline").exists() for pid in left):
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
def test_others_take_the_connections_of_a_worker_that_cannot_start(gallery: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--gallery", gallery) as service:
        supervisor = service.process.pid
        limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        most = max(int(path.name) for path in Path(f"/proc/{supervisor}/fd").iterdir()) + 2  # too few for three pipes
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (most, limits[1]))
        before = service.workers()
        os.kill(before[1], signal.SIGKILL)
        service.wait('"worker 1 cannot start: Too many open files"')
        assert_all_answered(service)
        assert service.workers() == before[:1]
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
        service.wait('"worker 1 serves"')
        assert_all_answered(service)
        assert service.metric("likebut_workers") == service.metric("likebut_workers_wanted") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_that_cannot_open_the_gallery_serves_nothing(gallery: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gallery, tmp_path / "gallery")
    with serving(tmp_path, "--gallery", folder) as service:
        before = service.workers()
        folder.rename(tmp_path / "away")
        service.process.send_signal(signal.SIGHUP)
        service.wait('"worker 1 cannot start: ')
        assert_all_answered(service)
        assert service.workers() == before  # both go on with what they have open
        os.kill(before[1], signal.SIGKILL)
        service.wait("workers [1] do not serve")
        assert_all_answered(service)
        (tmp_path / "away").rename(folder)
        service.wait('"worker 1 serves"')
        assert_all_answered(service)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_leader_is_renewed_when_its_job_has_ended(gallery: Path, shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--gallery", shutil.copytree(gallery, tmp_path / "gallery")) as service:
        leader = service.workers()[0]
        job = service.call("POST", "/index", json={"source": str(shop)}).headers["location"]
        build = wait_for(lambda: next((pid for pid in children(leader) if "build" in command_line(pid)), None))
        os.kill(build, signal.SIGSTOP)  # as if it took hours
        service.process.send_signal(signal.SIGHUP)
        service.wait('"worker 1 serves"')
        time.sleep(1.5)  # in which the supervisor would have begun with the leader
        assert service.call("GET", job).json()["state"] == "running" and service.workers()[0] == leader
        os.kill(build, signal.SIGCONT)
        assert wait_for(lambda: service.call("GET", job).json()["state"] not in ("queued", "running"))
        assert service.call("GET", job).json()["state"] == "done"
        service.wait('"worker 0 serves"')
        wait_for(lambda: len(service.workers()) == 2)
        assert leader not in service.workers()
        new = wait_for(lambda: service.call("POST", "/index", json={"compact": True}).headers.get("location"))
        assert wait_for(lambda: service.call("GET", new).json()["state"] not in ("queued", "running"))
        assert service.call("GET", new).json()["state"] == "done"


def assert_all_answered(service: Service) -> None:
    """Searches on many connections of their own, none of which may wait for a worker that does not serve."""
    began = time.monotonic()
    assert {service.call("POST", "/search", json=SEARCH).status_code for _ in range(16)} == {200}
    assert time.monotonic() - began < 20


def wait_for(look: Callable[[], Result | None]) -> Result:
    """Return the first result that counts as true."""
    end = time.monotonic() + 60
    while not (result := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert result is not None
    return result


def children(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text(encoding="ascii").split()]


def command_line(pid: int) -> list[str]:
    """Return the words that a process was started with."""
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")


def test_the_rate_of_a_key_holds_for_all_workers_together(gallery: Path, tmp_path: Path) -> None:
    secret = keys.add(tmp_path / "keys", name="one", role="search", rate_per_s=0.01, burst=6)
    with serving(tmp_path, "--gallery", gallery, "--keys", tmp_path / "keys") as service:
        headers = {"X-API-Key": secret}
        statuses = [service.call("POST", "/search", json=SEARCH, headers=headers).status_code for _ in range(24)]
        command = [sys.executable, "-m", "service.cli", "serve", "--workers", "2", "--port"]
        second = [*command, service.url.rpartition(":")[2]]  # a port that workers share is in use all the same
        done = subprocess.run(second, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert statuses == [200] * 6 + [429] * 18
    assert done.returncode == 2 and "choose another with --port" in done.stderr
    lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines() if line[0] == "{"]
    assert {line["worker"] for line in lines if line["message"] == "request"} == {0, 1}


def test_a_service_whose_workers_cannot_start_says_why_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--workers", "3"]
    done = subprocess.run([*command, "--bundle", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.count("manifest.json") == 1 and "Traceback" not in done.stderr
