"""Observes a service from outside: the same search again and again, and its readiness, each answer with its time."""

import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException

import swaps

COMPLETE, NOTED, INCOMPLETE = "complete", "incomplete with a note", "incomplete without a note"
REFUSED, REFUSED_BARE, GONE = "503 with Retry-After", "503 without Retry-After", "no connection"
READY, UNREADY = "ready", "not ready"
NOTE = "could not be searched"  # words of the note of an incomplete answer
K = 100  # hits of a search
SEARCHES_EVERY_S, READINESS_EVERY_S = 0.1, 0.2


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcome of one call, which began and ended at these times of time.monotonic."""

    began: float
    ended: float
    outcome: str


class ServiceObserver:
    """Searches and reads the readiness in two threads, as long as the `with` block lasts."""

    def __init__(self, address: str, body: Mapping[str, object]) -> None:
        """`body` is that of a search whose K hits never change."""
        self.address = address
        self.searches: list[Observation] = []
        self.readiness: list[Observation] = []
        self._body = dict(body)
        self._expected: Sequence[str] = ()
        self._over = threading.Event()
        work = (self._search, self.searches, SEARCHES_EVERY_S), (self._ready, self.readiness, READINESS_EVERY_S)
        self._threads = [threading.Thread(target=self._repeat, args=each) for each in work]

    def __enter__(self) -> "ServiceObserver":
        self._expected = _ids(swaps.fetch_json(f"{self.address}/search", self._body))
        if len(self._expected) != K:
            raise SystemExit(f"the search that is repeated has {len(self._expected)} hits, not {K}")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def first(self, outcome: str, after: float, *, within_s: float) -> float:
        """Waits for the first call with that outcome that began after a time, and returns its end; or fails."""
        observations = self.readiness if outcome in (READY, UNREADY) else self.searches
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for observation in list(observations):
                if observation.began >= after and observation.outcome == outcome:
                    return observation.ended
            time.sleep(0.05)
        seen = Counter(each.outcome for each in observations if each.began >= after)
        raise SystemExit(f"{outcome!r} was not seen within {within_s:g} s, but {dict(seen)}")

    def outcomes(self, after: float, until: float) -> "Counter[str]":
        """The number of searches that began between these times, by their outcomes."""
        return Counter(each.outcome for each in self.searches if after <= each.began < until)

    def _repeat(self, call: Callable[[], str], observations: list[Observation], every_s: float) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            outcome = outcome_of(call)
            observations.append(Observation(began, time.monotonic(), outcome))
            self._over.wait(max(0.0, began + every_s - time.monotonic()))

    def _search(self) -> str:
        answer = swaps.fetch_json(f"{self.address}/search", self._body)
        notes = answer["notes"]
        assert isinstance(notes, list)
        if any(NOTE in note for note in notes):
            return NOTED
        return COMPLETE if _ids(answer) == self._expected else INCOMPLETE

    def _ready(self) -> str:
        try:
            swaps.fetch_json(f"{self.address}/readyz")
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return UNREADY
        return READY


def outcome_of(call: Callable[[], str]) -> str:
    """The outcome of a call that answers or is refused."""
    try:
        return call()
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return REFUSED if error.headers["Retry-After"] else REFUSED_BARE
        return f"status {error.code}"
    except (OSError, HTTPException):
        return GONE


def _ids(answer: Mapping[str, object]) -> list[str]:
    hits = answer["hits"]
    assert isinstance(hits, list)
    return [hit["id"] for hit in hits]
