"""Pictures by row: whole files and parts of shards give the very bytes, and what is broken is named."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError, UnreadableImage
from training.data.images import Images, located
from training.data.texts import Texts

Draw = Callable[..., bytes]


def test_parts_of_one_file_are_read_by_offset(tmp_path: Path, draw: Draw) -> None:
    parts = [draw(seed) for seed in range(3)]
    (tmp_path / "shard").write_bytes(b"head" + b"".join(parts))
    offsets = 4 + np.cumsum([0, *map(len, parts[:-1])])
    pictures = Images(
        names=Texts.from_strings("abc"),
        paths=Texts.from_strings([str(tmp_path / "shard")]),
        files=np.zeros(3, dtype=np.int32),
        offsets=offsets,
        sizes=np.array([len(part) for part in parts]),
    )
    pictures = pickle.loads(pickle.dumps(pictures))
    assert [pictures.read(row) for row in range(3)] == parts
    assert pictures.read(1, limit=9) == parts[1][:9]
    assert pictures.decode(2).size == (40, 30)
    assert [pictures.name(row) for row in range(len(pictures))] == ["a", "b", "c"]


def test_chosen_pictures_keep_their_bytes_and_no_other_path(tmp_path: Path, draw: Draw) -> None:
    for seed in range(5):
        (tmp_path / f"{seed}.jpg").write_bytes(draw(seed))
    names = [f"{seed}.jpg" for seed in range(5)]
    pictures = Images.of_files(names, [str(tmp_path / name) for name in names]).take([3, 1, 3])
    assert [pictures.read(row) for row in range(3)] == [draw(3), draw(1), draw(3)]
    assert list(pictures.names) == ["3.jpg", "1.jpg", "3.jpg"] and len(pictures.paths) == 2


def test_a_broken_picture_is_named_with_the_way_out(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "half.jpg").write_bytes(draw(0)[:-200])
    pictures = Images.of_files(["half", "gone"], [str(tmp_path / "half.jpg"), str(tmp_path / "gone.jpg")])
    with pytest.raises(InputError, match=r"image half in .*half\.jpg is broken .*likebut data check .*skip = "):
        pictures.decode(0)
    with pytest.raises(InputError, match=r"image gone .*cannot be read"):
        pictures.decode(1)


def test_a_shard_that_ends_early_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "shard").write_bytes(b"12345")
    names, paths = Texts.from_strings(["a"]), Texts.from_strings([str(tmp_path / "shard")])
    pictures = Images(names, paths, np.zeros(1, np.int32), np.array([3]), np.array([9]))
    with pytest.raises(UnreadableImage, match="ends in the middle"):
        pictures.read(0)


def test_a_name_is_found_with_its_suffix_or_without_in_the_first_folder(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.jpg", "two/deep/b.c.webp", "two/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folders = [tmp_path / "one", tmp_path / "two"]
    found = {name: located(folders, name) for name in ("a", "a.jpg", "deep/b.c", "d", "e", "deep", "x" * 300)}
    expected = ["one/a.png", "two/a.jpg", "two/deep/b.c.webp", "two/d", None, None, None]
    assert list(found.values()) == [None if path is None else tmp_path / path for path in expected]
