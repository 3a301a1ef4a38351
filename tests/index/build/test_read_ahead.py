"""Reading ahead keeps the order of files, waits for no slow host, and ends when its user leaves."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest

from index.build.read_ahead import FETCHERS, FETCHERS_OF_HOST, READ_AHEAD, Task, read_ahead


def numbered(hosts: list[str | None], work: Callable[[int], int] = lambda number: number) -> Iterator[Task[int]]:
    for number, host in enumerate(hosts):
        yield host, partial(work, number)


def test_every_task_gives_its_result_once_and_files_keep_their_order() -> None:
    hosts: list[str | None] = [["", None, "a.example", "b.example"][number % 4] for number in range(2000)]
    results = list(read_ahead(numbered(hosts)))
    assert sorted(results) == [(number, number) for number in range(2000)]
    for host in ("", None):
        numbers = [number for number, _ in results if hosts[number] == host]
        assert numbers == sorted(numbers)


def test_a_host_that_hangs_delays_no_other() -> None:
    released, running, most = threading.Event(), Counter[str](), Counter[str]()
    lock = threading.Lock()
    hosts: list[str | None] = [*["slow.example"] * 1000, *["quick.example"] * 1000, *[""] * 500]

    def work(number: int) -> int:
        host = str(hosts[number])
        with lock:
            running[host] += 1
            most[host] = max(most[host], running[host])
        if host == "slow.example":
            assert released.wait(60)
        with lock:
            running[host] -= 1
        return number

    seen = []
    for number, _ in read_ahead(numbered(hosts, work)):
        seen.append(number)
        if len(seen) == 1500:
            assert min(seen) >= 1000
            released.set()
    assert sorted(seen) == list(range(2500))
    assert most["slow.example"] == FETCHERS_OF_HOST and most["quick.example"] <= FETCHERS_OF_HOST


def test_only_so_many_results_wait_for_their_use() -> None:
    started = Counter[str]()

    def work(number: int) -> int:
        started["all"] += 1
        return number

    with closing(read_ahead(numbered(["a.example"] * 5000, work))) as results:
        next(results)
        time.sleep(0.2)
        assert started["all"] <= READ_AHEAD + 1
    assert started["all"] < 5000


def test_an_error_of_a_task_ends_the_reading() -> None:
    def work(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    for host in ("", "a.example"):
        with pytest.raises(ValueError, match="seven"):
            list(read_ahead(numbered([host] * 5000, work)))


def test_after_the_end_no_download_begins() -> None:
    begun, released = [], threading.Event()

    def work(number: int) -> int:
        if number == len(hosts) - 1:
            raise ValueError("the model failed")
        begun.append(number)
        assert released.wait(60)
        return number

    hosts: list[str | None] = [*(f"{host}.example" for host in range(40) for _ in range(FETCHERS_OF_HOST)), None]
    with pytest.raises(ValueError, match="failed"), closing(read_ahead(numbered(hosts, work))) as results:
        threading.Timer(0.5, released.set).start()
        list(results)
    assert len(begun) <= FETCHERS
