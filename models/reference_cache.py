"""Cache of reference-image features, for further texts about the same image."""

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
from models.runtime.session import OnnxSession

CACHE_BYTES = 64 * 2**20

Features: TypeAlias = Mapping[str, NDArray[np.generic]]  # by name, each (B, …); only the method's own graphs read them


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Hits, misses and size of the cache."""

    hits: int  # images whose features were cached
    misses: int  # images whose features were computed
    bytes: int  # held now


class References:
    """Features of images by the graph `reference`, with a cache of the latest up to `cache_bytes`.

    May be called from many threads at once; two that pass the same new image may both compute it.
    """

    def __init__(self, graph: OnnxSession, *, cache_bytes: int) -> None:
        """`cache_bytes` 0 disables the cache."""
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
        """Hits, misses and size of the cache."""
        with self._lock:
            return CacheUse(hits=self._hits, misses=self._misses, bytes=int(self._cache.currsize))

    def features(self, pixels: Pixels) -> Features:
        """Features of images (B, 3, S, S); rows that are not cached are computed as one batch."""
        if self._cache.maxsize == 0:
            return self.computed(pixels)
        keys = [hashlib.sha256(image.tobytes()).digest() for image in pixels]
        found = self._find(keys)
        new = {key: row for row, key in reversed(list(enumerate(keys))) if key not in found}  # first row of each
        self._count(hits=len(keys) - len(new), misses=len(new))
        if new:
            computed = self.computed(pixels[list(new.values())])
            for position, key in enumerate(new):
                # copies, since a view would keep the whole batch in memory
                found[key] = {name: values[position].copy() for name, values in computed.items()}
            self._store({key: found[key] for key in new})
        return {name: np.stack([found[key][name] for key in keys]) for name in self.names}

    def computed(self, pixels: Pixels) -> Features:
        """Features of images (B, 3, S, S), without the cache."""
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
