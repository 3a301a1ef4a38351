"""What a killed build embedded is kept whole or not at all, for its own space only."""

from pathlib import Path

import numpy as np

from index.build.resume import BUILDING, EmbeddedChunks
from index.sources.rows import SourceRow


def kept(chunks: EmbeddedChunks) -> list[tuple[str, str, str, float]]:
    return sorted(
        (*state, float(vector[0])) for states, vectors in chunks for state, vector in zip(states, vectors, strict=True)
    )


def row(name: str) -> SourceRow:
    return SourceRow(name, f"/{name}.png", {"colour": "red"}, content=f"hash of {name}", fingerprint="1:2")


def test_chunks_give_back_what_was_put_and_leave_out_a_damaged_one(tmp_path: Path) -> None:
    first = EmbeddedChunks(tmp_path, space_id="s")
    assert kept(first) == []
    first.put([row("a"), row("b")], np.array([[1.0, 0.0], [2.0, 0.0]], np.float16))
    (damaged,) = (tmp_path / BUILDING).glob("*/*.npz")
    first.put([row("é")], np.array([[3.0, 0.0]], np.float16))
    whole = [("/a.png", "hash of a", "1:2", 1.0), ("/b.png", "hash of b", "1:2", 2.0)]
    later = ("/é.png", "hash of é", "1:2", 3.0)
    assert kept(EmbeddedChunks(tmp_path, space_id="s")) == [*whole, later]
    damaged.write_bytes(damaged.read_bytes()[:-40])
    assert kept(EmbeddedChunks(tmp_path, space_id="s")) == [later]


def test_another_space_drops_the_chunks_and_so_does_the_end(tmp_path: Path) -> None:
    EmbeddedChunks(tmp_path, space_id="s").put([row("a")], np.ones((1, 2), np.float16))
    assert kept(EmbeddedChunks(tmp_path, space_id="t")) == []
    assert kept(EmbeddedChunks(tmp_path, space_id="s")) == []
    again = EmbeddedChunks(tmp_path, space_id="s")
    again.put([row("a")], np.ones((1, 2), np.float16))
    again.remove()
    assert not (tmp_path / BUILDING).exists()
