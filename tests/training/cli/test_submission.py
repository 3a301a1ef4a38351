"""`likebut submission`: the published example files pass, and a mistake is named and ends with status 1."""

import json
from pathlib import Path

import pytest

from models.bundle import SHIPPED
from tests.training.evaluation import synthetic
from training import __main__

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "cirr"
published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="CIRR's files are not beside the project")
RECALL = PUBLISHED / "demo_files" / "test1_pred_ranks_recall.json"
SUBSET = PUBLISHED / "demo_files" / "test1_pred_ranks_recall_subset.json"


@pytest.mark.slow
@published
def test_the_published_example_files_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["submission", "check", "cirr", "--data", str(PUBLISHED), str(RECALL), str(SUBSET)]
    assert __main__.main(words) == 0
    assert capsys.readouterr().out == f"{RECALL}: no mistakes\n{SUBSET}: no mistakes\n"


@published
def test_each_way_to_spoil_a_published_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(RECALL.read_text())
    captions = json.loads((PUBLISHED / "captions" / "cap.rc2.test1.json").read_text())
    reference = next(row["reference"] for row in captions if row["pairid"] == 12063)
    content["12063"][49] = reference
    content["12064"][0] = content["12064"][1]
    del content["12065"]
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(content))
    words = ["submission", "check", "cirr", "--data", str(PUBLISHED), str(path)]
    with pytest.raises(SystemExit) as ended:
        __main__.main(words)
    assert ended.value.code == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}: 3 mistakes"
    assert said[1:] == [
        "  query missing: 12065",
        f"  reference listed: 12063 lists '{reference}', its own reference",
        f"  listed twice: 12064 lists '{content['12064'][0]}' again",
    ]
    with pytest.raises(SystemExit):
        __main__.main([*words, "--json"])
    assert [kind for kind, _ in json.loads(capsys.readouterr().out)[str(path)]] == [
        "query missing",
        "reference listed",
        "listed twice",
    ]


@published
def test_a_file_of_the_wrong_split_lists_few_of_its_mistakes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["submission", "check", "cirr", "--split", "val", "--data", str(PUBLISHED), str(SUBSET)])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{SUBSET}: {4_181 + 4_148} mistakes"
    assert len(said) == 1 + 2 * 21 and said[21] == "  query missing: … and 4161 more"


def test_what_cannot_be_looked_at_is_one_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["submission", "check", "circo", "--data", str(tmp_path), str(tmp_path / "x.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("likebut: ") and error.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "split", "files"), [("cirr", "test1", 2), ("circo", "test", 1)])
def test_from_a_bundle_to_files_that_the_server_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, split: str, files: int
) -> None:
    synthetic.WRITERS[name](tmp_path / "data")
    data, result = ["--data", str(tmp_path / "data")], str(tmp_path / "result.json")
    words = ["--split", split, "--bundle", str(SHIPPED), "--cache", str(tmp_path), "--out", result, "--json"]
    assert __main__.main(["evaluate", name, *data, *words, "--allow-missing"]) == 0
    capsys.readouterr()
    assert __main__.main(["submission", "write", result, *data, "--out", str(tmp_path / "files")]) == 0
    said = capsys.readouterr()
    written = said.out.splitlines()
    assert len(written) == files and said.err.startswith("NOTE  not the protocol's counts")  # a split of few queries
    assert __main__.main(["submission", "check", name, *data, *written]) == 0
    said = capsys.readouterr()
    assert "the server may refuse what passes" in said.err and said.out.count("no mistakes") == files
    baseline = ["submission", "write", result, *data, "--way", "image only", "--out", str(tmp_path / "baseline")]
    assert __main__.main(baseline) == 0
    assert [Path(path).name for path in capsys.readouterr().out.splitlines()] == [Path(path).name for path in written]


def test_a_result_of_which_pictures_were_missing_is_not_submitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.cirr(tmp_path)
    (tmp_path / "test1" / "test1-0-3.png").unlink()
    data, result = ["--data", str(tmp_path)], str(tmp_path / "result.json")
    words = ["--split", "test1", "--bundle", str(SHIPPED), "--cache", str(tmp_path), "--out", result, "--json"]
    assert __main__.main(["evaluate", "cirr", *data, *words, "--allow-missing"]) == 0
    assert __main__.main(["submission", "write", result, *data, "--out", str(tmp_path / "files")]) == 2
    assert "would be refused" in capsys.readouterr().err and not (tmp_path / "files").exists()
