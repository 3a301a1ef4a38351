"""Laion-CIR's two files: pictures by padded number, in one folder or two, captions from a file of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from training.data.formats import laion_cir

Draw = Callable[..., bytes]

# The first rows of the published files.
LLM = {
    "105668": {
        "tgt_image_id": "360301",
        "relative_cap": "Change the color of the car to red.",
        "tgt_cap": "A red car is parked on the side of the road.",
    },
    "20": {
        "tgt_image_id": "29529",
        "relative_cap": "Add a vase of flowers to the dining table.",
        "tgt_cap": "The dining table is decorated with a vase of flowers.",
    },
}
TEMPLATE: list[dict[str, object]] = [
    {"ref_image_id": "306448", "relative_cap": "beds has been newly placed.", "tgt_image_id": "347794"},
    {"ref_image_id": 443110, "relative_cap": "necklace has been newly placed.", "tgt_image_id": 936860, "type": "llm"},
]


@pytest.fixture
def folders(tmp_path: Path, draw: Draw) -> list[Path]:
    numbers = {"llm": (105668, 360301, 20, 29529), "template": (306448, 347794, 443110, 936860)}
    for folder, these in numbers.items():
        (tmp_path / folder).mkdir()
        for number in these:
            (tmp_path / folder / f"{number:07d}.png").write_bytes(draw(number, kind="PNG"))
    return [tmp_path / "llm", tmp_path / "template"]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_the_llm_file_is_read(tmp_path: Path, folders: list[Path], draw: Draw) -> None:
    rows = laion_cir.find(write(tmp_path / "llm.json", LLM), images=folders[:1]).whole(skip=None)
    assert list(rows.names) == ["1:0105668>0360301", "2:0000020>0029529"]
    assert list(rows.texts) == [triplet["relative_cap"] for triplet in LLM.values()]
    assert list(rows.captions) == ["", ""]  # tgt_cap describes the target, not the reference
    assert rows.images.read(int(rows.references[1])) == draw(20, kind="PNG")
    assert rows.images.read(int(rows.targets[1])) == draw(29529, kind="PNG")


def test_the_template_file_and_the_combined_one_are_read_from_both_folders(tmp_path: Path, folders: list[Path]) -> None:
    path = write(tmp_path / "template.json", TEMPLATE)
    rows = laion_cir.find(path, images=folders).whole(skip=None)
    assert list(rows.texts) == [triplet["relative_cap"] for triplet in TEMPLATE]
    assert list(rows.names) == ["1:0306448>0347794", "2:0443110>0936860"]


def test_captions_are_the_first_sentences_of_a_file_of_their_own(tmp_path: Path, folders: list[Path]) -> None:
    described = {"0105668.png": "A grey car, 3.5 m long. It is parked. ", "0000020.png": "A table"}
    captions = write(tmp_path / "captions.json", described)
    path = write(tmp_path / "llm.json", LLM)
    rows = laion_cir.find(path, images=folders, captions=captions).whole(skip=None)
    assert list(rows.captions) == ["A grey car, 3.5 m long.", "A table"]
    del described["0000020.png"]
    found = laion_cir.find(path, images=folders, captions=write(captions, described))
    assert [(flaw.name, flaw.kind) for flaw in found.flaws] == [("2:0000020>0029529", "blank caption")]


def test_lost_pictures_are_named(tmp_path: Path, folders: list[Path]) -> None:
    (folders[0] / "0360301.png").unlink()
    found = laion_cir.find(write(tmp_path / "llm.json", LLM), images=folders)
    assert [(flaw.kind, flaw.detail) for flaw in found.flaws] == [("no target image", "0360301")]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[", "cannot be read as JSON"),
        ("7", "not a JSON object"),
        ("[7]", "row 1 is not a JSON object"),
        ('{"20": 7}', "'20' is not a JSON object"),
        ('[{"ref_image_id": 1, "relative_cap": "x"}]', "row 1 has no tgt_image_id"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=match):
        laion_cir.find(tmp_path / "x.json", images=[tmp_path])
