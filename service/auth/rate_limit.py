"""Token bucket: a rate per second, and a burst after a pause; shared by several processes if there are."""

import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOTS = 8192  # of a shared file; the level that was used the longest time ago gives way
PROBES = 16  # slots that one key may be in
SLOT = struct.Struct("<16sdd")  # digest of the key, tokens, time
ROUNDING = 1e-6  # tokens: a caller that waited exactly as long as required must not fail by a rounding error


class TokenBucket:
    """Fills by `rate_per_s` tokens a second up to `burst`; starts full, and is only used from the event loop."""

    def __init__(self, *, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_s = 0.0

    def take(self, count: float, *, now_s: float, before: int = 0) -> float:
        """Takes `count` tokens or a part of one and returns 0, or takes none and returns the seconds to wait.

        `before` tokens were taken for the same call a moment ago, and are given back if the rest is missing. More than
        `burst` tokens are taken from a full bucket, whose level then becomes negative; otherwise no wait would ever be
        long enough for them.
        """
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self.rate_per_s)
        self._filled_s = now_s
        self._tokens += before
        needed = min(before + count, self._burst)
        if self._tokens < needed - ROUNDING:
            return (needed - self._tokens) / self.rate_per_s
        self._tokens -= before + count
        return 0.0

    def take_first(self, *, now_s: float) -> float:
        """Takes one token of a number that is not known yet and returns 0, or the seconds until the bucket is full."""
        wait_s = self.take(1, now_s=now_s)
        return wait_s and (self._burst - self._tokens) / self.rate_per_s


class SharedLevels:
    """The levels of token buckets in memory of a fixed size, which several processes may share."""

    def __init__(self, path: Path | None) -> None:
        """`path` is the file that the processes map; without one, the levels are this process's own."""
        self._file = -1
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, SLOTS * SLOT.size)
        self._map = mmap.mmap(self._file, SLOTS * SLOT.size)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from the levels."""
        if self._file == -1:
            yield
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def slot(self, digest: bytes) -> tuple[int, float, float] | None:
        """Return where the level of a key is, with its tokens and its time; None if it has none."""
        for offset in self._places(digest):
            key, tokens, filled_s = SLOT.unpack_from(self._map, offset)
            if key == digest:
                return offset, tokens, filled_s
        return None

    def write(self, digest: bytes, tokens: float, filled_s: float) -> None:
        """Keeps the level of a key."""
        present = self.slot(digest)
        oldest = min(self._places(digest), key=lambda offset: SLOT.unpack_from(self._map, offset)[2])
        SLOT.pack_into(self._map, oldest if present is None else present[0], digest, tokens, filled_s)

    def _places(self, digest: bytes) -> Iterator[int]:
        first = int.from_bytes(digest[:4], "little")
        for step in range(PROBES):
            yield (first + step) % SLOTS * SLOT.size


class SharedBucket(TokenBucket):
    """Token bucket whose level all workers share; its clock is the one of the machine."""

    def __init__(self, levels: SharedLevels, key: str, *, rate_per_s: float, burst: int) -> None:
        super().__init__(rate_per_s=rate_per_s, burst=burst)
        self._levels = levels
        self._digest = hashlib.blake2b(key.encode(), digest_size=16).digest()

    def take(self, count: float, *, now_s: float, before: int = 0) -> float:
        """Takes `count` tokens and returns 0, or takes none and returns the seconds to wait."""
        with self._levels.locked():
            level = self._levels.slot(self._digest)
            self._tokens, self._filled_s = (float(self._burst), 0.0) if level is None else level[1:]
            wait_s = super().take(count, now_s=now_s, before=before)
            self._levels.write(self._digest, self._tokens, self._filled_s)
        return wait_s
