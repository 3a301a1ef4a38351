"""The index command line speaks in sentences to people and in JSON to machines."""

import io
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pyarrow
import pytest
from pyarrow import parquet

from index.__main__ import main
from index.build.progress import bar
from index.build.snapshot_writer import Progress
from index.sources import clip_retrieval
from models.encoder import Encoder

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.mark.slow
def test_a_build_reports_json_lines_and_inspect_says_what_it_made(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(tmp_path / "pictures", 70)
    (folder / "0001.png").write_bytes(b"")
    gallery = tmp_path / "gallery"
    arguments = ["build", str(folder), "--gallery", str(gallery), "--bundle", str(bundle), "--shards", "3"]
    assert main([*arguments, "--progress", "json"]) == 0
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert {line["stage"] for line in lines} == {"read", "embed", "train", "write", "publish"}
    assert all(set(line) == {"stage", "done", "total", "rate", "unreachable"} for line in lines)
    assert last["stage"] == "done"
    assert (last["items"], last["embedded"], last["reused"]) == (69, 69, 0)
    assert [each["id"] for each in last["skipped"]] == ["0001"]
    assert main(["inspect", str(gallery), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["items"], facts["skipped"], facts["shards"]) == (69, 1, [23, 23, 23])
    assert facts["snapshot"] == last["snapshot"]
    assert main(["skipped", str(gallery), "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == last["skipped"]
    assert main(["skipped", str(gallery)]) == 0
    assert capsys.readouterr().out.startswith("0001: the image is empty")
    assert main(["inspect", str(gallery)]) == 0
    assert "3, of 23, 23, 23 images" in capsys.readouterr().out


@pytest.mark.slow
def test_inspect_says_the_kinds_of_every_attribute(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path, 2)
    given: list[dict[str, object]] = [
        {"price": 1, "name": "a", "new": True, "none": None, "code": 7},
        {"price": 1.5, "name": None, "new": False, "tags": ["x"], "code": "007"},
    ]
    records = [{"id": str(number), "image": f"{number:04d}.png", **each} for number, each in enumerate(given)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    arguments = ["build", str(tmp_path / "t.jsonl"), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]
    assert main([*arguments, "--progress", "none"]) == 0
    assert "'code'" in capsys.readouterr().err
    assert main([*arguments, "--progress", "json"]) == 0
    proposal, unchanged, note, unlike = json.loads(capsys.readouterr().out.splitlines()[-1])["notes"]
    assert "unlike those that the model" in unlike  # drawn by chance, and no products
    assert "'code'" in note and "nothing changed" in unchanged and "--map title=name" in proposal
    assert main(["inspect", str(tmp_path / "g"), "--json"]) == 0
    kinds = {"price": ["number"], "name": ["missing", "text"], "new": ["boolean"], "none": ["missing"]}
    kinds |= {"code": ["text"], "tags": ["missing", "list of texts"]}
    assert json.loads(capsys.readouterr().out)["attributes"] == kinds
    assert main(["inspect", str(tmp_path / "g")]) == 0
    assert "price (number), name (missing/text), new (boolean), none (missing)" in capsys.readouterr().out


@pytest.mark.slow
def test_a_map_is_kept_with_the_notes_on_the_source(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path, 1)
    (tmp_path / "t.csv").write_text("SKU;Photo;Title\n1;0000.png;Jupe d’été\n", encoding="cp1252")
    gallery = str(tmp_path / "g")
    arguments = ["build", str(tmp_path / "t.csv"), "--gallery", gallery, "--bundle", str(bundle)]
    assert main([*arguments, "--map", "id=sku", "--map", "image=photo"]) == 0
    assert main(["inspect", gallery, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["map"], list(facts["attributes"])) == ({"id": "sku", "image": "photo"}, ["title"])
    assert [("Windows-1252" in note) for note in facts["notes"]] == [True, False, False]
    assert "unlike those that the model" in facts["notes"][-1]
    with pytest.raises(SystemExit):
        main([*arguments, "--map", "id"])


@pytest.mark.slow
@pytest.mark.parametrize("progress", ["bar", "none"])
def test_a_person_gets_the_skipped_rows_on_stderr_and_one_line_on_stdout(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str], progress: str
) -> None:
    folder = draw(tmp_path / "pictures", 3)
    (folder / "0001.png").write_bytes(b"")
    arguments = ["build", str(folder), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]
    assert main([*arguments, "--progress", progress]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("2 items (2 embedded, 0 reused), 1 skipped")
    assert len(captured.out.splitlines()) == 1
    assert "skipped 0001: the image is empty" in captured.err
    assert ("embed" in captured.err) == (progress == "bar")


def test_an_expected_failure_is_one_sentence_and_status_2(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tmp_path / "none")]) == 2
    assert main(["build", str(tmp_path / "none"), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]) == 2
    err = capsys.readouterr().err
    assert "no gallery is at" in err
    assert "neither a folder nor a file" in err
    assert "Traceback" not in err


def test_a_bar_leaves_only_the_sentence_of_a_source_that_cannot_be_used(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jsonl").write_text("[1]\n")
    arguments = ["build", str(tmp_path / "t.jsonl"), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]
    assert main([*arguments, "--progress", "bar"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"likebut: {tmp_path / 't.jsonl'}, line 1 is not a JSON object: write one object a line\n"


def test_the_provider_reaches_the_model(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", str(draw(tmp_path / "p", 1)), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]
    assert main([*arguments, "--provider", "cpu", "--progress", "none"]) == 0
    with pytest.raises(SystemExit):
        main([*arguments, "--provider", "tpu"])
    assert "invalid choice: 'tpu'" in capsys.readouterr().err
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        assert main([*arguments, "--provider", "cuda"]) == 2
        assert "cuda" in capsys.readouterr().err.lower()


class Terminal(io.StringIO):
    """Keeps what is written, and says that a person looks at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_a_bar_shows_on_a_terminal_only_and_leaves_the_summary_a_line_of_its_own(
    tmp_path: Path, draw: "Draw", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["build", str(draw(tmp_path / "p", 2)), "--gallery", str(tmp_path / "g")]  # with the shipped model
    assert main(arguments) == 0
    (note,) = capsys.readouterr().err.splitlines()  # and no bar
    assert note.startswith("100% of the images are unlike")
    draw(tmp_path / "p", 3)
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr", terminal)
        assert main(arguments) == 0
    shown, _, after = terminal.getvalue().rpartition("\r")
    assert "embed: 100%" in shown
    assert shown.endswith(" ")  # wiped off: what is printed next begins at the margin
    assert "\n" not in shown and after == f"{note}\n"


def test_a_bar_of_a_resumed_build_counts_only_its_own_speed(capsys: pytest.CaptureFixture[str]) -> None:
    with bar() as report:
        report(Progress("read", 1000, 1000, 0.0))
        report(Progress("embed", 960, 1000, 0.0))
        time.sleep(0.05)
        report(Progress("embed", 961, 1000, 0.0))
    shown = capsys.readouterr().err
    assert "961/1000" in shown
    rates = [float(rate) for rate in re.findall(r"(-?[0-9.]+)image/s", shown)]
    assert all(0 <= rate <= 20 for rate in rates)
    assert rates


@pytest.mark.slow
def test_a_recall_that_is_not_reached_is_said(
    tmp_path: Path, encoder: Encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (clip_retrieval.IMAGES, clip_retrieval.METADATA):
        (tmp_path / "out" / name).mkdir(parents=True)
    count = 3000
    vectors = np.random.default_rng(0).standard_normal((count, encoder.manifest.dimension)).astype(np.float32)
    np.save(tmp_path / "out" / clip_retrieval.IMAGES / "img_emb_0.npy", vectors)
    columns = {"id": [str(number) for number in range(count)], "image": [""] * count}
    parquet.write_table(pyarrow.table(columns), tmp_path / "out" / clip_retrieval.METADATA / "metadata_0.parquet")
    gallery = str(tmp_path / "g")
    build = ["build", str(tmp_path / "out"), "--gallery", gallery, "--progress", "none", "--recall", "1", "--encoding"]
    for arguments, reached in (
        ([*build, "rabitq"], False),
        (["tune", gallery, "--recall", "1"], False),
        (["tune", gallery, "--recall", ".5"], True),
        ([*build, "flat"], True),
    ):
        assert main(arguments) == 0
        captured = capsys.readouterr()
        assert len(captured.out.splitlines()) == 1
        assert ("a recall@10 of 1 is not reached with all lists, only 0." in captured.err) == (not reached)
