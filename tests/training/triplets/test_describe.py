"""Captions of all images of a folder, as a table that training reads; no request is sent twice."""

import json
import shutil
from pathlib import Path

import pytest

from tests.training.triplets.scripted import Answer, Asked, model, says, serving
from training import __main__
from training.data.formats import captioned_table, laion_cir
from training.triplets import describe

pytestmark = pytest.mark.torch  # for tenacity, which the endpoint imports late


def settings(folder: Path, pictures: Path, url: str) -> Path:
    path = folder / "captions.toml"
    path.write_text(
        f'[images]\nsource = "folder"\nfolder = "{pictures}"\n'
        f'[captioner]\nkind = "endpoint"\nurl = "{url}"\nmodel = "eyes"\nconcurrency = 4\ntries = 2\n'
    )
    return path


def test_every_image_gets_a_caption_and_the_table_is_one_to_train_on(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pictures / "hats" / "00.jpg", pictures / "coats" / "same.jpg")
    with serving(model) as server:
        command = ["triplets", "captions", str(settings(tmp_path, pictures, server.url)), "--out", str(pictures)]
        assert __main__.main([*command, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["images"], report["without_caption"], report["answers"]) == (13, 0, 12)
        assert len(server.asked) == 12  # one for two files that are the same
        assert __main__.main(command) == 0 and len(server.asked) == 12
    rows = captioned_table.find(pictures / describe.FILE).whole(skip=None)
    written = [json.loads(line) for line in (pictures / describe.FILE).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 13 and {row["image"] for row in written} >= {"coats/same.jpg", "hats/00.jpg"}
    captions = {row["image"]: row["caption"] for row in written}
    assert captions["coats/same.jpg"] == captions["hats/00.jpg"] and len(set(captions.values())) == 12
    assert not any("\n" in caption for caption in captions.values())


def test_an_image_that_the_model_does_not_describe_is_left_out_and_counted(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(number: int, asked: Asked) -> Answer:
        return says("  ") if number % 3 == 0 else model(number, asked)

    with serving(script) as server:
        command = ["triplets", "captions", str(settings(tmp_path, pictures, server.url)), "--out", str(tmp_path)]
        assert __main__.main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["without_caption"] == 4 and "the answer is blank" in report["some_without"][0]
    assert len((tmp_path / describe.FILE).read_text(encoding="utf-8").splitlines()) == 8


def test_a_model_that_describes_nothing_writes_no_table(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, asked: says(" ")) as server:
        command = ["triplets", "captions", str(settings(tmp_path, pictures, server.url)), "--out", str(tmp_path)]
        assert __main__.main(command) == 2
    assert "no image has a caption (the answer is blank)" in capsys.readouterr().err
    assert not (tmp_path / describe.FILE).exists()


def test_the_table_gives_laion_cir_its_captions(tmp_path: Path, pictures: Path) -> None:
    shutil.copy(pictures / "hats" / "00.jpg", tmp_path / "0000007.png")
    shutil.copy(pictures / "hats" / "02.jpg", tmp_path / "0000008.png")
    table = tmp_path / describe.FILE
    table.write_text('{"image": "0000007.png", "caption": "A red hat. It is new."}\n')
    triplets = tmp_path / "info.json"
    triplets.write_text('[{"ref_image_id": 7, "relative_cap": "in blue", "tgt_image_id": 8}]')
    assert list(laion_cir.find(triplets, images=[tmp_path], captions=table).rows.captions) == ["A red hat."]
