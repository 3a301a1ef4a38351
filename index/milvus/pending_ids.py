"""Ids of items with changes that are written, and that a usual query may not see yet."""

import threading
from collections import Counter
from collections.abc import Iterable


class PendingIds:
    """The ids, counted, since an item may be changed again meanwhile; for many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __contains__(self, id: object) -> bool:
        return id in self._counts

    def add(self, ids: Iterable[str]) -> None:
        """Adds each id once more."""
        with self._lock:
            self._counts += Counter(list(ids))

    def remove(self, ids: Iterable[str]) -> None:
        """Removes each id once."""
        with self._lock:
            self._counts -= Counter(list(ids))
