"""A client that puts and deletes items through HTTP, and goes on through outages."""

import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import writers
from outages.observer import outcome_of

AGAIN_S = 0.2  # after a refused write
WRITTEN, ABSENT = "acknowledged", "deleted already"


@dataclass
class ItemWriter:
    """Writes items of its own ids, of which it knows each version that they may have; None stands for a deleted one.

    A write that was not acknowledged may have been made or not.
    """

    address: str
    ids: Sequence[str]
    random: Random
    versions: dict[str, set[int | None]] = field(default_factory=dict)
    outcomes: "Counter[str]" = field(default_factory=Counter)
    acknowledged: list[float] = field(default_factory=list)  # times of time.monotonic

    def __post_init__(self) -> None:
        self.versions |= {id: {None} for id in self.ids}
        self._pause, self._over = threading.Event(), threading.Event()
        self._idle = threading.Lock()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "ItemWriter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def pause(self) -> None:
        """Returns when no write is in flight, and none begins."""
        self._pause.set()
        with self._idle:
            pass

    def resume(self) -> None:
        """Goes on."""
        self._pause.clear()

    def settle(self, id: str, version: int | None) -> None:
        """Takes the version that an item has as the one that it must have from now on; call it in a pause."""
        self.versions[id] = {version}

    def _write(self) -> None:
        while not self._over.is_set():
            with self._idle:
                if not self._pause.is_set():
                    self._write_one()
                    continue
            time.sleep(0.01)

    def _write_one(self) -> None:
        id = self.random.choice(self.ids)
        version = None if self.random.random() < 0.3 else self.random.randrange(2**31)
        if version is None and self.versions[id] == {None}:
            return  # deleted already
        self.versions[id].add(version)

        def send() -> str:
            try:
                writers.send(self.address, id, version)
            except urllib.error.HTTPError as error:
                if version is not None or error.code != 404:
                    raise
                return ABSENT
            return WRITTEN

        outcome = outcome_of(send)
        self.outcomes[outcome] += 1
        if outcome in (WRITTEN, ABSENT):
            self.versions[id] = {version}
            if outcome == WRITTEN:
                self.acknowledged.append(time.monotonic())
        else:
            time.sleep(AGAIN_S)
