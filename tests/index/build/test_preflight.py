"""A build that could not end is refused before it begins, with what it needs and what there is."""

from pathlib import Path

import numpy as np
import pytest

from index.build import preflight
from index.items import items
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.vectors import encodings, shards
from index.vectors.encodings import DEFAULT_OPTIONS, ENCODINGS, Encoding
from models.arrays import normalised
from models.errors import GalleryError


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_estimate_covers_what_is_written_and_not_much_more(tmp_path: Path, encoding: Encoding) -> None:
    count, d = 3000, 128
    vectors = normalised(np.random.default_rng(0).standard_normal((count, d)).astype(np.float32)).astype(np.float16)
    shards.write(tmp_path, shards.train(vectors, encoding=encoding), vectors, shards=2)
    np.save(tmp_path / snapshot.VECTORS, vectors)
    rows = [
        SourceRow(f"{n}", f"/p/{n}.png", {"n": n}, content=f"{n:064x}", fingerprint=f"{n}:{n}") for n in range(count)
    ]
    items.write(tmp_path / snapshot.ITEMS, rows)
    written = (
        sum(path.stat().st_size for path in tmp_path.iterdir()) + 2 * vectors.nbytes
    )  # and the chunks, and their copy
    assert written <= preflight.disk_bytes(count, d, encodings.code_bytes(encoding, d) + 8) <= 2 * written


def test_too_little_disk_or_memory_is_one_sentence_with_both_figures(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  9999 kB\nMemAvailable:     2048 kB\n")
    meminfo = tmp_path / "meminfo"
    preflight.check(tmp_path, rows=10, dimension=8, shape=DEFAULT_OPTIONS, meminfo=meminfo)
    with pytest.raises(GalleryError, match=r"of memory and 2 MiB are available: end"):
        preflight.check(tmp_path, rows=10_000, dimension=8, shape=DEFAULT_OPTIONS, meminfo=meminfo)
    with pytest.raises(GalleryError, match=r"10000000000 items need about [0-9,]+ MiB on the disk of .* are free"):
        preflight.check(tmp_path, rows=10**10, dimension=512, shape=DEFAULT_OPTIONS, meminfo=meminfo)
    preflight.check(tmp_path, rows=10_000, dimension=8, shape=DEFAULT_OPTIONS, meminfo=tmp_path / "none")
