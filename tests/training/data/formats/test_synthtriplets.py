"""SynthTriplets18M's files, loose or in shards, are the triplets that they say."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from training.data.formats import synthtriplets

Draw = Callable[..., bytes]
Pack = Callable[[Path, Mapping[str, bytes]], Path]


def triplet(key: str, draw: Draw, number: int) -> dict[str, bytes]:
    words = {"source_caption": f"source {number}", "target_caption": f"target {number}", "instruction": "turn it"}
    return {
        f"{key}.json": json.dumps(words).encode(),
        f"{key}.source_image.jpg": draw(2 * number),
        f"{key}.target_image.jpg": draw(2 * number + 1),
    }


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "shards"])
def test_every_triplet_has_its_own_pictures_and_words(tmp_path: Path, draw: Draw, pack: Pack, packed: bool) -> None:
    for group in range(2):
        files = {n: d for i in range(3) for n, d in triplet(f"{group}{i}", draw, 3 * group + i).items()}
        if packed:
            pack(tmp_path / f"{group}.tar", files)
        else:
            (tmp_path / f"{group}").mkdir()
            for name, data in files.items():
                (tmp_path / f"{group}" / name).write_bytes(data)
    rows = synthtriplets.find(str(tmp_path)).whole(skip=None)
    prefix = "{0}.tar/{0}{1}" if packed else "{0}/{0}{1}"
    assert list(rows.names) == [prefix.format(group, i) for group in range(2) for i in range(3)]
    for row in range(6):
        assert rows.images.read(int(rows.references[row])) == draw(2 * row)
        assert rows.images.read(int(rows.targets[row])) == draw(2 * row + 1)
        assert rows.images.name(int(rows.targets[row])) == f"{rows.names[row]}.target_image"
    assert list(rows.texts) == [f"target {number}" for number in range(6)]
    assert list(rows.captions) == [f"source {number}" for number in range(6)]
    assert set(synthtriplets.find(str(tmp_path), text="instruction").whole(skip=None).texts) == {"turn it"}


def test_what_is_missing_is_named(tmp_path: Path, draw: Draw) -> None:
    for number, lost in enumerate(["", "0001.target_image.jpg", "0002.json"]):
        for name, data in triplet(f"000{number}", draw, number).items():
            if name != lost:
                (tmp_path / name).write_bytes(data)
    found = synthtriplets.find(str(tmp_path))
    assert len(found.rows) == 1
    assert [(flaw.name, flaw.kind) for flaw in found.flaws] == [
        ("0001", "no target_image"),
        ("0002", "no json:target_caption"),
    ]
