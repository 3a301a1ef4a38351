"""FashionIQ's caption files: two captions make one text in either order, blank ones leave no stray "and"."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from training import __main__
from training.data.config import Order
from training.data.formats import fashioniq
from training.data.rows import Triplets

Draw = Callable[..., bytes]

TRIPLETS = [
    {"candidate": "B1", "target": "B2", "captions": ["is solid black", "has no sleeves"]},
    {"candidate": "B3", "target": "B1", "captions": ["is longer. ", " "]},
    {"candidate": "B2", "target": "B3", "captions": [".", "Is it red, with a belt?"]},
    {"candidate": "B2", "target": "B1", "captions": ["is red", "is red"]},
]


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """`cap.dress.train.json` and the other two with a triplet each, and pictures of both kinds of file."""
    write(tmp_path / "cap.dress.train.json", TRIPLETS)
    write(tmp_path / "cap.shirt.train.json", [TRIPLETS[0]])
    write(tmp_path / "cap.toptee.train.json", [{**TRIPLETS[0], "captions": ["is shinier", "is blue"]}])
    (tmp_path / "images").mkdir()
    for number, suffix in enumerate(("jpg", "png", "jpg"), start=1):
        kind = "PNG" if suffix == "png" else "JPEG"
        (tmp_path / "images" / f"B{number}.{suffix}").write_bytes(draw(number, kind=kind))
    return tmp_path


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def read(path: Path, folder: Path, *, order: Order = "written") -> Triplets:
    return fashioniq.find(path, images=folder / "images", order=order).whole(skip=None)


def test_the_candidate_is_the_reference_and_pictures_are_found_by_id(folder: Path, draw: Draw) -> None:
    rows = read(folder / "cap.dress.train.json", folder)
    assert list(rows.names) == ["1:B1>B2", "2:B3>B1", "3:B2>B3", "4:B2>B1"]
    assert rows.images.read(int(rows.references[0])) == draw(1)
    assert rows.images.read(int(rows.targets[0])) == draw(2, kind="PNG")
    assert list(rows.captions) == [""] * 4  # the captions say what changes, not what the reference shows


@pytest.mark.parametrize(
    ("order", "texts"),
    [
        ("written", ["is solid black and has no sleeves", "is longer", "Is it red, with a belt", "is red and is red"]),
        ("reversed", ["has no sleeves and is solid black", "is longer", "Is it red, with a belt", "is red and is red"]),
        (
            "both",
            [
                "is solid black and has no sleeves",
                "has no sleeves and is solid black",
                "is longer",
                "Is it red, with a belt",
                "is red and is red",
            ],
        ),
    ],
)
def test_two_captions_are_one_text_in_the_order_asked_for(folder: Path, order: Order, texts: list[str]) -> None:
    assert list(read(folder / "cap.dress.train.json", folder, order=order).texts) == texts


def test_a_folder_is_its_three_train_files_and_none_may_be_missing(folder: Path) -> None:
    texts = list(read(folder, folder).texts)
    assert texts[4:] == ["is solid black and has no sleeves", "is shinier and is blue"]
    (folder / "cap.shirt.train.json").unlink()
    with pytest.raises(InputError, match=r"has no cap\.shirt\.train\.json: fetch it"):
        read(folder, folder)


def test_two_blank_captions_and_lost_pictures_are_named(folder: Path) -> None:
    lost = {"candidate": "B9", "target": "B1", "captions": ["is red", "is big"]}
    path = write(folder / "x.json", [{**TRIPLETS[0], "captions": ["", " . "]}, lost])
    found = fashioniq.find(path, images=folder / "images", order="both")
    assert [(flaw.name, flaw.kind) for flaw in found.flaws] == [
        ("1:B1>B2", "blank text"),
        ("2:B9>B1", "no reference image"),
        ("3:B9>B1", "no reference image"),
    ]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[", "cannot be read as JSON"),
        ("{}", "not a list of triplets"),
        ("[7]", "row 1 is not a JSON object"),
        ('[{"candidate": "B1", "captions": ["x", "y"]}]', "row 1 has no target: .* whose targets are public"),
        ('[{"candidate": "B1", "target": "B2", "captions": "red"}]', "row 1 has captions that are no list"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=match):
        fashioniq.find(tmp_path / "x.json", images=tmp_path)


def test_the_command_counts_a_row_for_each_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "check", "fashioniq", str(folder), "--images", str(folder / "images"), "--json"]
    for order, rows in (("written", 6), ("both", 9)):
        assert __main__.main([*words, "--order", order]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["rows"], said["usable"], said["pictures"]) == (rows, rows, 3)
