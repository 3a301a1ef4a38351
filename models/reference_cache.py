"""What a model knows of reference pictures, kept for the next words about the same picture."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from models.arrays import Pixels
from models.session import OnnxSession

CACHE_BYTES = 64 * 2**20

Features: TypeAlias = Mapping[str, NDArray[np.generic]]  # by name, each (B, …); only the method's own graphs read them


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How the cache has served so far."""

    hits: int  # pictures whose features were there
    misses: int  # pictures whose features were computed
    bytes: int  # held now


class References:
    """Features of pictures by the graph `reference`, those of the pictures asked for last kept up to `cache_bytes`.

    May be called from many threads at once; two that ask for the same new picture may both compute it.
    """

    def __init__(self, graph: OnnxSession, *, cache_bytes: int) -> None:
        """`cache_bytes` 0 keeps nothing."""
        self._graph = graph
        self._lock = Lock()
        self._cache: LRUCache[bytes, Features] = LRUCache(cache_bytes, _bytes)  # by digest of the pixels
        self._hits = self._misses = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features."""
        return self._graph.outputs

    @property
    def use(self) -> CacheUse:
        """How the cache has served so far."""
        with self._lock:
            return CacheUse(hits=self._hits, misses=self._misses, bytes=int(self._cache.currsize))

    def features(self, pixels: Pixels) -> Features:
        """Features of the pictures (B, 3, S, S), the rows that are not kept computed as one batch."""
        if self._cache.maxsize == 0:
            return self.computed(pixels)
        keys = [hashlib.sha256(picture.tobytes()).digest() for picture in pixels]
        found = self._find(keys)
        new = {key: row for row, key in reversed(list(enumerate(keys))) if key not in found}  # first row of each
        self._count(hits=len(keys) - len(new), misses=len(new))
        if new:
            computed = self.computed(pixels[list(new.values())])
            for place, key in enumerate(new):
                # copies, since a view would keep the whole batch in memory
                found[key] = {name: values[place].copy() for name, values in computed.items()}
            self._store({key: found[key] for key in new})
        return {name: np.stack([found[key][name] for key in keys]) for name in self.names}

    def computed(self, pixels: Pixels) -> Features:
        """Features of the pictures (B, 3, S, S), past the cache."""
        return self._graph.run({"pixels": pixels})

    def _find(self, keys: list[bytes]) -> dict[bytes, Features]:
        with self._lock:
            return {key: self._cache[key] for key in keys if key in self._cache}

    def _count(self, *, hits: int, misses: int) -> None:
        with self._lock:
            self._hits += hits
            self._misses += misses

    def _store(self, new: Mapping[bytes, Features]) -> None:
        with self._lock:
            for key, features in new.items():
                with suppress(ValueError):  # larger than the whole cache
                    self._cache[key] = features


def _bytes(features: Features) -> int:
    return sum(values.nbytes for values in features.values())
