"""Vectors in a file without a name: written in blocks, mapped, and gone with the last map."""

import errno
import gc
from pathlib import Path

import numpy as np
import pytest

from index.sources import vector_file
from index.sources.vector_file import VectorFile


def test_blocks_come_back_in_their_order_and_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_file, "COPIED", 7)
    blocks = [np.random.default_rng(seed).standard_normal((count, 5)) for seed, count in enumerate((20, 0, 3))]
    with VectorFile(tmp_path, 5) as file:
        for block in blocks:
            file.append(block.astype(np.float32))
        mapped = file.mapped()
    assert mapped.dtype == np.float16
    assert np.array_equal(mapped, np.concatenate(blocks).astype(np.float32).astype(np.float16))
    with VectorFile(tmp_path, 5) as other:
        rows = np.random.default_rng(9).permutation(23)
        other.take(mapped, rows)
        assert np.array_equal(other.mapped(), mapped[rows])


def test_nothing_is_an_array_without_rows(tmp_path: Path) -> None:
    with VectorFile(tmp_path, 5) as file:
        assert file.mapped().shape == (0, 5)
    assert vector_file.zeros(tmp_path, 0, 5).shape == (0, 5)


def test_zeros_are_filled_after_the_file_was_closed(tmp_path: Path) -> None:
    made = vector_file.zeros(tmp_path, 1000, 8)
    assert not made.any()
    made[500:] = 1
    assert made.sum() == 4000


def test_the_file_has_no_name_and_its_room_is_free_without_the_map(tmp_path: Path) -> None:
    made = vector_file.zeros(tmp_path, 1_000, 8)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    assert list(tmp_path.iterdir()) == []
    del made
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) < opened


def test_too_many_zeros_for_the_disk_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        vector_file.zeros(tmp_path, 2**40, 256)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
