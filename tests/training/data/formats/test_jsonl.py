"""Triplets in JSON lines, written by hand or by `likebut catalogue`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from models.errors import InputError
from training.catalogue import write
from training.data.formats import jsonl
from training.data.rows import Flaw

Draw = Callable[..., bytes]


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    (tmp_path / "images").mkdir()
    for seed, name in enumerate(["a.jpg", "b.png", "c.jpg"]):
        (tmp_path / "images" / name).write_bytes(draw(seed, kind="PNG" if "png" in name else "JPEG"))
    return tmp_path


def lines(folder: Path, *records: Mapping[str, object]) -> Path:
    (folder / "t.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder / "t.jsonl"


def test_the_triplets_are_the_files_and_each_picture_is_held_once(folder: Path) -> None:
    path = lines(
        folder,
        {"reference": "a", "text": " in red ", "target": "b.png", "caption": "a coat", "kinds": [1]},
        {"reference": "c", "text": "shorter", "target": "a", "caption": "a hat"},
    )
    rows = jsonl.find(path).whole(skip=None)
    assert list(rows.images.names) == ["a", "b.png", "c"]
    assert rows.references.tolist() == [0, 2] and rows.targets.tolist() == [1, 0]
    assert list(rows.texts) == ["in red", "shorter"] and list(rows.captions) == ["a coat", "a hat"]
    assert list(rows.names) == ["1:a>b.png", "2:c>a"]


def test_captions_of_the_targets_are_read_where_there_are_any(folder: Path) -> None:
    whole = {"reference": "a", "text": "in red", "target": "b", "caption": "a coat", "target_caption": " a red coat "}
    less = {name: value for name, value in whole.items() if name != "target_caption"}
    assert list(jsonl.find(lines(folder, whole, less)).whole(skip=None).target_captions) == ["a red coat", ""]


def test_a_drawn_catalogue_is_read_as_it_was_written(tmp_path: Path) -> None:
    write.write(tmp_path, split="val", products=20, triplets=6, size=32, seed=1, workers=1, force=False, progress=False)
    rows = jsonl.find(tmp_path / write.TRIPLETS).whole(skip=None)
    for row, triplet in enumerate(write.read_triplets(tmp_path / write.TRIPLETS)):
        assert rows.texts[row] == triplet.text and rows.captions[row] == ""
        reference = rows.images.read(int(rows.references[row]))
        assert reference == (tmp_path / "images" / f"{triplet.reference}.jpg").read_bytes()
        target = rows.images.read(int(rows.targets[row]))
        assert target == (tmp_path / "images" / f"{triplet.target}.jpg").read_bytes()
    assert len(rows) == 6


def test_every_flaw_is_named(folder: Path) -> None:
    path = lines(
        folder,
        {"reference": "a", "text": "fine", "target": "b", "caption": "a coat"},
        {"reference": "x", "text": "in red", "target": "b", "caption": "a coat"},
        {"reference": "a", "text": "in red", "target": "y", "caption": "a coat"},
        {"reference": "a", "text": "  ", "target": "b", "caption": "a coat"},
        {"reference": "a", "target": "b", "caption": "a coat"},
        {"text": "in red", "target": "b", "caption": "a coat"},
        {"reference": "a", "text": "in red", "target": "b"},
        {"reference": "a", "text": "in red", "target": "b", "caption": ""},
    )
    found = jsonl.find(path)
    assert list(found.rows.texts) == ["fine"]
    assert found.flaws == (
        Flaw("2:x>b", "no reference image", "x"),
        Flaw("3:a>y", "no target image", "y"),
        Flaw("4:a>b", "blank text"),
        Flaw("5:a>b", "no text"),
        Flaw("6:>b", "no reference named"),
        Flaw("7:a>b", "no caption"),
        Flaw("8:a>b", "blank caption"),
    )


def test_the_folder_of_pictures_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    path = lines(folder, {"reference": "images/a", "text": "in red", "target": "images/c.jpg"})
    assert len(jsonl.find(path, images=tmp_path).whole(skip=None)) == 1
    with pytest.raises(InputError, match=r"1 row of 1 cannot be used, no reference image: '1:images/a>images/c.jpg'"):
        jsonl.find(path).whole(skip=None)


@pytest.mark.parametrize("line", ["{", "[]", "[" * 100_000])
def test_a_line_that_is_no_object_is_refused_with_its_number(folder: Path, line: str) -> None:
    (folder / "t.jsonl").write_text(f'\n{{"reference": "a"}}\n{line}\n')
    with pytest.raises(InputError, match=r"t\.jsonl, line 3 is"):
        jsonl.find(folder / "t.jsonl")


def test_no_file_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        jsonl.find(tmp_path / "t.jsonl")
