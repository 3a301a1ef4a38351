"""A recoded shard is, byte for byte, the one that a build with the same lists writes."""

from pathlib import Path

import numpy as np
import pytest

from index.vectors import encodings, recoding, shards
from index.vectors.encodings import Encoding
from models.arrays import Vectors, normalised


def unit(count: int, dimension: int) -> Vectors:
    values = np.random.default_rng(3).standard_normal((count, dimension))
    return normalised(values.astype(np.float32)).astype(np.float16)


@pytest.mark.parametrize("encoding", ["flat", "fp16", "rabitq"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_recoded_shard_is_that_of_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, parts: int
) -> None:
    monkeypatch.setattr(recoding, "ADD_BLOCK", 100)
    vectors = unit(1500, 32)
    lists = shards.train(vectors, encoding="sq8")
    encodings.write(lists, tmp_path / "lists")
    for name in ("sq8", "recoded", "fresh"):
        (tmp_path / name).mkdir()
    old = shards.write(tmp_path / "sq8", lists, vectors, shards=parts)
    empty = recoding.trained(encodings.read(tmp_path / "lists"), vectors, encoding)
    written = recoding.write(tmp_path / "recoded", empty, vectors, [tmp_path / "sq8" / name for name, _ in old])
    assert written == shards.write(tmp_path / "fresh", empty, vectors, shards=parts) == old
    for name, _ in written:
        assert (tmp_path / "recoded" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
