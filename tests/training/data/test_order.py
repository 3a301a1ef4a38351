"""The order of an epoch: whole batches, each row once, the same from the same seed."""

import numpy as np
import pytest

from training.data.order import alike, shuffled

KINDS = np.random.Generator(np.random.PCG64(1)).integers(0, 5, 103)


@pytest.mark.parametrize("share", [None, 0.0, 0.5, 1.0])
def test_every_batch_is_whole_and_no_row_comes_twice(share: float | None) -> None:
    found = order(share, seed=1, epoch=0)
    rows = np.concatenate(found)
    assert [len(batch) for batch in found] == [10] * 10  # the three rows over wait for another epoch
    assert len(set(rows.tolist())) == 100 and rows.min() >= 0 and rows.max() < 103
    assert all((np.diff(batch) > 0).all() for batch in found)


@pytest.mark.parametrize("share", [None, 0.0, 0.5, 1.0])
def test_seed_and_epoch_alone_say_the_order(share: float | None) -> None:
    def flat(*, seed: int, epoch: int) -> list[int]:
        return np.concatenate(order(share, seed=seed, epoch=epoch)).tolist()

    assert flat(seed=1, epoch=0) == flat(seed=1, epoch=0)
    assert len({tuple(flat(seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_rows_left_over_in_one_epoch_come_in_another() -> None:
    seen = {int(row) for epoch in range(20) for batch in shuffled(103, batch=10, seed=1, epoch=epoch) for row in batch}
    assert seen == set(range(103))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_so_many_of_the_batches_are_of_one_or_two_kinds(share: float) -> None:
    kinds = np.repeat(np.arange(20), 50)  # (1000,)
    few = [len(set(kinds[batch])) <= 2 for batch in alike(kinds, share=share, batch=20, seed=1, epoch=0)]
    assert np.mean(few) == pytest.approx(share, abs=0.05)
    assert 0 < share < 1 or len(set(few)) == 1
    assert share != 0.5 or few != sorted(few, reverse=True)  # they stand among the mixed ones


def test_fewer_rows_than_a_batch_are_no_batch() -> None:
    assert shuffled(9, batch=10, seed=1, epoch=0) == []


def order(share: float | None, *, seed: int, epoch: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    if share is None:
        return shuffled(len(KINDS), batch=10, seed=seed, epoch=epoch)
    return alike(KINDS, share=share, batch=10, seed=seed, epoch=epoch)
