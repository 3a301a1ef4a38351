"""Notices rows that Milvus does not search: it counts them again and again, and knows how many there must be."""

import logging
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from index.milvus.collection import Collection
from index.milvus.shop import MilvusShop
from index.storage.manifest import SnapshotManifest
from models.errors import GalleryUnavailable, LikebutError

EVERY_S = 1.0
STEADY_S = 10.0  # so long rows must have been counted until they must be there
HELD_S = 2.0  # after rows were missing, since a search may have begun before they were back
SUSPECT_S = 60.0  # after a failure, since it is then that parts are missing
SLOW_S = 180.0  # from the time of a change until the rows that are counted have it, at most; clocks differ, too
LOG = logging.getLogger("likebut")


class RowWatch:
    """Counts the rows of a live collection, once a second and beside every search.

    If a part of a collection is not loaded, Milvus may answer without it and without a word, its count included. As
    many rows must be there as the manifest says, without those deleted since, and as many as were counted for a while.
    A count may fall by as many as were changed in the last minutes, which the journal has: a part that is smaller than
    that is not noticed.
    """

    def __init__(self, shop: MilvusShop, collection: Collection, manifest: SnapshotManifest) -> None:
        """Counts once, and goes on until it is stopped or freed; raises GalleryUnavailable."""
        self._shop = shop
        self._collection = collection
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "row-watch")
        self._queued: Future[int] | None = None
        deleted = shop.changed(int(manifest.created.timestamp() - SLOW_S), deleted=True)
        self._least = manifest.count - deleted
        self._steady_since, self._lowest = 0.0, self._least  # of the counts since then
        self._confirmed = time.time()  # when there were as many as there must be
        self.missing = 0  # rows, when they were counted last
        self._most_missing = 0  # since all were there
        self._held_until = self._suspect_until = 0.0  # of time.monotonic
        self._count()
        self._stopped = threading.Event()
        threading.Thread(target=_repeat, args=(weakref.ref(self), self._stopped), daemon=True).start()

    def begin(self) -> "Future[int]":
        """Begins to count; the result is how many rows are missing. Calls that come at the same time share a count."""
        with self._lock:
            if self._queued is None:
                self._queued = self._pool.submit(self._counted)
            return self._queued

    def is_incomplete(self, beside: "Future[int]") -> bool:
        """True if a search that has just ended may have lacked rows; `beside` was begun when it began.

        After a failure, a count that begins now must be complete, too.
        """
        if beside.result() == 0 and time.monotonic() < self._suspect_until:
            self.begin().result()
        return beside.result() > 0 or time.monotonic() < self._held_until

    def require(self, cause: str) -> None:
        """Raises GalleryUnavailable if rows were missing from a list that was just read and must be complete."""
        if self.is_incomplete(self.begin()):
            raise GalleryUnavailable(f"{cause}, and {self.description}: try again")

    @property
    def description(self) -> str:
        """The number of missing rows in words."""
        return f"{self._most_missing} of {self._least} items of {self._collection.name} could not be searched in Milvus"

    def __enter__(self) -> "RowWatch":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the thread that counts."""
        self._stopped.set()
        self._pool.shutdown(wait=False)

    def _counted(self) -> int:
        with self._lock:
            self._queued = None  # from now on a count may have begun too early for who asks
        return self._count()

    def _count(self) -> int:
        before, was_missing = time.time(), self.missing
        try:
            rows = self._collection.connection.count(self._collection.name)
        except GalleryUnavailable:
            self._suspect_until = time.monotonic() + SUSPECT_S
            raise
        if rows >= self._least or self._is_explained(rows):
            self._confirm(rows, before)
        self.missing = max(0, self._least - rows)
        if self.missing:
            self._most_missing = max(self._most_missing, self.missing) if was_missing else self.missing
            self._held_until = time.monotonic() + HELD_S
            self._suspect_until = time.monotonic() + SUSPECT_S
        if self.missing and not was_missing:
            LOG.warning("%s", self.description)
        elif was_missing and not self.missing:
            self._collection.forget()  # what was counted without them
            LOG.info("all items of %s are searched again", self._collection.name)
        return self.missing

    def _is_explained(self, rows: int) -> bool:
        """True if so many rows less can have been deleted."""
        since = int(self._confirmed - SLOW_S)
        return any(rows >= self._least - self._shop.changed(since, strong=strong) for strong in (False, True))

    def _confirm(self, rows: int, now: float) -> None:
        """Takes a count of enough rows as a new one to compare with, at once if it is lower, else after a while."""
        self._confirmed = now
        if rows < self._least:
            self._least = self._lowest = rows
        self._lowest = min(self._lowest, rows)
        if now - self._steady_since >= STEADY_S:
            self._least = max(self._least, self._lowest)
            self._steady_since, self._lowest = now, rows


def _repeat(watch: "weakref.ref[RowWatch]", stopped: threading.Event) -> None:
    while not stopped.wait(EVERY_S):
        current = watch()
        if current is None:
            return
        with suppress(LikebutError, RuntimeError):  # Milvus does not answer, so no search does; or the pool has ended
            current.begin().result()
        del current
