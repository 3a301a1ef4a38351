"""CIRR's caption and split files: pictures where the split says, and the published files where they are at hand."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from tests.models import tiny
from training import __main__
from training.data.formats import cirr
from training.data.sources.run_inputs import RunInputs
from training.methods import config
from training.methods.instruct.instruct import InstructConfig

Draw = Callable[..., bytes]

CONFIGS = Path(__file__).parents[4] / "training" / "configs"
ANNOTATIONS = Path(__file__).parents[5] / "shared" / "data" / "cirr"
published = pytest.mark.skipif(not ANNOTATIONS.is_dir(), reason="the annotations are not beside the project")

SPLIT = {
    "train-11041-2-img0": "./train/34/train-11041-2-img0.png",
    "train-5247-3-img1": "./train/4/train-5247-3-img1.png",
    "train-9206-0-img0": "./train/18/train-9206-0-img0.png",
}
ONE, TWO, THREE = SPLIT
CAPTIONS = [
    {
        "pairid": 1,
        "reference": ONE,
        "target_hard": TWO,
        "target_soft": {TWO: 1.0, THREE: 0.5},
        "caption": "show three bottles ",
        "img_set": {"id": 1, "members": [ONE, TWO, THREE]},
    },
    {"pairid": 2, "reference": THREE, "target_hard": ONE, "target_soft": {ONE: 1.0}, "caption": "Fewer towels"},
]


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """The two files, and NLVR2's folders with a picture of each."""
    write(tmp_path / "captions.json", CAPTIONS)
    write(tmp_path / "split.json", SPLIT)
    for number, place in enumerate(SPLIT.values()):
        path = tmp_path / "images" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw(number, kind="PNG"))
    return tmp_path


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_pictures_lie_where_the_split_says_and_the_hard_target_counts(folder: Path, draw: Draw) -> None:
    found = cirr.find(folder / "captions.json", split=folder / "split.json", images=folder / "images")
    rows = found.whole(skip=None)
    assert list(rows.texts) == ["show three bottles", "Fewer towels"] and list(rows.captions) == ["", ""]
    assert rows.names[0] == f"1:train/34/{ONE}.png>train/4/{TWO}.png"
    for row, (reference, target) in enumerate(((0, 1), (2, 0))):
        assert rows.images.read(int(rows.references[row])) == draw(reference, kind="PNG")
        assert rows.images.read(int(rows.targets[row])) == draw(target, kind="PNG")


def test_a_lost_picture_and_a_blank_caption_are_named(folder: Path) -> None:
    (folder / "images" / SPLIT[TWO]).unlink()
    write(folder / "captions.json", [CAPTIONS[0], {**CAPTIONS[1], "caption": " "}])
    found = cirr.find(folder / "captions.json", split=folder / "split.json", images=folder / "images")
    assert [flaw.kind for flaw in found.flaws] == ["no target image", "blank text"]


def test_a_picture_that_the_split_does_not_know_is_refused(folder: Path) -> None:
    write(folder / "split.json", {ONE: SPLIT[ONE], THREE: SPLIT[THREE]})
    with pytest.raises(InputError, match=f"row 1 has the image '{TWO}', which .*split.json lacks"):
        cirr.find(folder / "captions.json", split=folder / "split.json", images=folder / "images")


def test_the_command_checks_both_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "check", "cirr", str(folder / "captions.json"), "--images", str(folder / "images"), "--decode"]
    assert __main__.main([*words, "--split", str(folder / "split.json"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["usable"], said["pictures"]) == (2, 2, 3)


def test_the_shipped_config_hands_the_triplets_to_the_network(folder: Path) -> None:
    document = config.document(CONFIGS / "instruct-cirr.toml")
    files = {name: str(folder / file) for name, file in (("captions", "captions.json"), ("split", "split.json"))}
    data = {"source": "cirr", "images": str(folder / "images"), "validation": 2, **files}
    write(folder / "captions.json", [*CAPTIONS, {**CAPTIONS[0], "reference": TWO, "target_hard": THREE}])
    section = document["reformulating"]
    assert isinstance(section, dict)
    reformulating = {**section, "data": data}
    settings = config.parse({**document, "reformulating": reformulating}, name="cirr")
    assert isinstance(settings, InstructConfig)
    tokenizer = tiny.tokenizer(folder / "tokenizer.json")
    inputs = RunInputs(tiny.backbone(end=tokenizer.end), tokenizer, template="{text}", seed=0, cache=folder)
    found = settings.data(inputs)
    assert len(found) == 1 and len(found.validation_queries.references) == 2
    (batch,) = found.batches([np.array([0])], epoch=0, share=slice(0, 1))
    assert batch.reference.shape == batch.target.shape == (1, 3, tiny.SIZE, tiny.SIZE)


@published
def test_every_published_val_triplet_is_one_and_its_pictures_are_in_the_split(tmp_path: Path) -> None:
    split = ANNOTATIONS / "image_splits" / "split.rc2.val.json"
    for place in json.loads(split.read_text()).values():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    rows = cirr.find(ANNOTATIONS / "captions" / "cap.rc2.val.json", split=split, images=tmp_path).whole(skip=None)
    assert len(rows) == 4_181 and len(rows.images) <= 2_297
    assert rows.texts[0] == "show three bottles of soft drink"
    assert rows.images.name(int(rows.targets[0])) == "dev/dev-1028-1-img1.png"


@published
def test_the_published_test_captions_and_the_split_of_others_are_refused() -> None:
    captions, splits = ANNOTATIONS / "captions", ANNOTATIONS / "image_splits"
    with pytest.raises(InputError, match="row 1 has no target_hard: name a file of CIRR whose targets are public"):
        cirr.find(captions / "cap.rc2.test1.json", split=splits / "split.rc2.test1.json", images=captions)
    with pytest.raises(InputError, match="name the split of these captions"):
        cirr.find(captions / "cap.rc2.val.json", split=splits / "split.rc2.test1.json", images=captions)
