"""What a killed build embedded is kept whole or not at all, for its own space only."""

import os
import time
import uuid
from pathlib import Path

import numpy as np

from index.build.resume import ABANDONED_S, BUILDING, EmbeddedChunks
from index.sources.rows import SourceRow


def kept(chunks: EmbeddedChunks) -> list[tuple[str, str, str, float]]:
    return sorted(
        (*state, float(vector[0])) for states, vectors in chunks for state, vector in zip(states, vectors, strict=True)
    )


def row(name: str) -> SourceRow:
    return SourceRow(name, f"/{name}.png", {"colour": "red"}, content=f"hash of {name}", fingerprint="1:2")


def test_chunks_give_back_what_was_put_and_leave_out_a_damaged_one(tmp_path: Path) -> None:
    first = EmbeddedChunks.open(tmp_path, space_id="s")
    assert kept(first) == []
    first.put([row("a"), row("b")], np.array([[1.0, 0.0], [2.0, 0.0]], np.float16))
    (damaged,) = (tmp_path / BUILDING).glob("*/*.npz")
    first.put([row("é")], np.array([[3.0, 0.0]], np.float16))
    whole = [("/a.png", "hash of a", "1:2", 1.0), ("/b.png", "hash of b", "1:2", 2.0)]
    later = ("/é.png", "hash of é", "1:2", 3.0)
    assert kept(EmbeddedChunks.open(tmp_path, space_id="s")) == [*whole, later]
    damaged.write_bytes(damaged.read_bytes()[:-40])
    assert kept(EmbeddedChunks.open(tmp_path, space_id="s")) == [later]


def test_another_space_drops_abandoned_chunks_and_the_end_its_own(tmp_path: Path) -> None:
    EmbeddedChunks.open(tmp_path, space_id="s").put([row("a")], np.ones((1, 2), np.float16))
    assert kept(EmbeddedChunks.open(tmp_path, space_id="t")) == []
    assert len(kept(EmbeddedChunks.open(tmp_path, space_id="s"))) == 1  # another process may still be writing to it
    long_ago = time.time() - ABANDONED_S - 60
    os.utime(tmp_path / BUILDING / "s", (long_ago, long_ago))
    EmbeddedChunks.open(tmp_path, space_id="t").remove()
    assert not (tmp_path / BUILDING).exists()


def test_chunks_in_a_place_of_their_own_stay(tmp_path: Path) -> None:
    for blocks in (str(tmp_path / "blocks"), f"memory://{uuid.uuid4().hex}/blocks/"):
        chunks = EmbeddedChunks.open(None, blocks, space_id="s")
        assert kept(chunks) == []
        chunks.put([row("a")], np.ones((1, 2), np.float16))
        chunks.put([row("b")], np.zeros((1, 2), np.float16))
        chunks.remove()
        again = EmbeddedChunks.open(None, blocks, space_id="s")
        assert kept(again) == [("/a.png", "hash of a", "1:2", 1.0), ("/b.png", "hash of b", "1:2", 0.0)]
        assert sorted(states[0][0] for states in again.states()) == ["/a.png", "/b.png"]
        assert kept(EmbeddedChunks.open(None, blocks, space_id="t")) == []
