"""Service processes behind a stream of searches, started and stopped one by one as a load balancer sees them."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from models.bundle import Bundle
from tests.imports import ROOT

Serve = Callable[..., AbstractContextManager[str]]
Pair = tuple[str, str]  # a model and a snapshot
CALLERS = 3
WITHIN_S = 120.0
QUERIES: list[dict[str, Any]] = [
    {"text": "a red ball", "k": 30},
    {"image": {"item_id": "red-box"}, "text": "in blue", "k": 30},
]


def index(*words: str | Path) -> None:
    """Runs `likebut index` with these words in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "index", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def model(bundle: Path) -> str:
    return Bundle.open(bundle).manifest.model_id


class Fleet:
    """Processes that may be searched, and every answer that they gave."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._processes: dict[str, ExitStack] = {}
        self._over = threading.Event()
        self._searching: Counter[str] = Counter()
        self.failures: list[str] = []
        self.answers: list[tuple[int, Pair, dict[str, float]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for address in list(self._processes):
            self.stop(address)

    def start(self, *words: str | Path) -> str:
        """Starts a process and searches it once it is ready; returns its address."""
        with ExitStack() as stack:
            address = stack.enter_context(self._serve(*words))
            wait(lambda: httpx.get(f"{address}/readyz", timeout=10).status_code == 200)
            self._processes[address] = stack.pop_all()
        return address

    def stop(self, address: str) -> None:
        """Searches a process no more, and ends it."""
        process = self._processes.pop(address)
        wait(lambda: not self._searching[address])
        process.close()

    @contextmanager
    def searched(self) -> Iterator[None]:
        """Searches the processes in turn, in some threads, until the end."""
        callers = [threading.Thread(target=self._search, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            yield
        finally:
            self._over.set()
            for caller in callers:
                caller.join()

    def pair(self, address: str) -> Pair:
        """The model and the snapshot that answer there now."""
        live = httpx.get(f"{address}/index", timeout=30).json()
        return live["model"], live["snapshot"]

    def more(self, pair: Pair, count: int = 5) -> None:
        """Waits until so many more searches were answered by this model and snapshot."""
        before = self._count(pair)
        wait(lambda: self._count(pair) >= before + count or bool(self.failures))

    def check(self, pairs: set[Pair]) -> None:
        """Raises AssertionError if a search failed, or was answered otherwise than by one of these pairs alone."""
        assert not self.failures, self.failures[:3]
        assert {pair for _, pair, _ in self.answers} == pairs
        first: dict[tuple[int, Pair], dict[str, float]] = {}
        for number, pair, scores in self.answers:
            expected = first.setdefault((number, pair), scores)
            common = sorted(scores.keys() & expected.keys())  # an item may have been deleted meanwhile
            assert len(common) >= 25
            np.testing.assert_allclose([scores[id] for id in common], [expected[id] for id in common], atol=1e-5)
        for number in range(len(QUERIES)):  # pairs of two models differ, so that a mixture would be seen
            models = {pair[0]: scores for (query, pair), scores in first.items() if query == number}
            one, other = ([scores["blue-bar"], scores["red-ring"]] for scores in models.values())
            assert np.abs(np.subtract(one, other)).max() > 1e-3

    def _count(self, pair: Pair) -> int:
        return sum(answered == pair for _, answered, _ in list(self.answers))

    def _search(self, number: int) -> None:
        turn = number
        with httpx.Client(timeout=60) as client:
            while not self._over.is_set():
                turn += 1
                addresses = list(self._processes)
                address, query = addresses[turn % len(addresses)], turn // 2 % len(QUERIES)
                self._searching[address] += 1
                if address not in self._processes:  # it is being stopped
                    self._searching[address] -= 1
                    continue
                try:
                    answer = client.post(f"{address}/search", json=QUERIES[query])
                    answer.raise_for_status()
                    found = answer.json()
                    scores = {hit["id"]: hit["score"] for hit in found["hits"]}
                    self.answers.append((query, (found["model"], found["snapshot"]), scores))
                except httpx.HTTPError as error:
                    self.failures.append(f"{error!r}: {getattr(error, 'response', None)}")
                finally:
                    self._searching[address] -= 1


def wait(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; raises AssertionError if it does not within two minutes."""
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
