"""The levels of rates that several processes share."""

import multiprocessing
from pathlib import Path

from service.auth.rate_limit import PROBES, SLOT, SLOTS, SharedBucket, SharedLevels, TokenBucket


def taken(path: Path, tries: int) -> int:
    """Return how many tokens one process gets of a bucket that fills hardly at all."""
    bucket = SharedBucket(SharedLevels(path), "key", rate_per_s=1e-6, burst=500)
    return sum(bucket.take(1, now_s=1.0) == 0 for _ in range(tries))


def test_processes_take_from_one_bucket(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        counts = pool.starmap(taken, [(tmp_path / "levels", 400)] * 2)
    assert sum(counts) == 500


def test_a_shared_bucket_behaves_as_one_of_its_own(tmp_path: Path) -> None:
    shared = SharedBucket(SharedLevels(tmp_path / "levels"), "key", rate_per_s=2.0, burst=3)
    own = TokenBucket(rate_per_s=2.0, burst=3)
    for now_s, count in ((10.0, 1), (10.0, 2), (10.1, 1), (10.6, 1), (12.0, 5), (12.1, 1), (20.0, 2)):
        assert shared.take(count, now_s=now_s) == own.take(count, now_s=now_s)
    assert shared.take_first(now_s=20.0) == own.take_first(now_s=20.0)


def test_more_keys_than_slots_take_the_levels_used_longest_ago(tmp_path: Path) -> None:
    levels = SharedLevels(tmp_path / "levels")
    same_place = [number.to_bytes(4, "little") + bytes(12) for number in range(7, 40 * SLOTS, SLOTS)]
    for age, digest in enumerate(same_place):
        levels.write(digest, 1.0, float(age + 1))
    present = [digest for digest in same_place if levels.slot(digest) is not None]
    assert present == same_place[-PROBES:]
    assert (tmp_path / "levels").stat().st_size == SLOTS * SLOT.size
