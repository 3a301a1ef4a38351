"""`likebut evaluate` of a published benchmark, by its command line."""

import json
from pathlib import Path

import pytest

from models.bundle import SHIPPED
from tests.training.evaluation import synthetic
from training import __main__
from training.evaluation.result import Result


def words(tmp_path: Path, *more: str) -> list[str]:
    data, cache = tmp_path / "data", tmp_path / "cache"
    return ["evaluate", "cirr", "--bundle", str(SHIPPED), "--data", str(data), "--cache", str(cache), *more]


def test_what_is_not_whole_is_refused_until_that_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthetic.cirr(tmp_path / "data")
    out = tmp_path / "result.json"
    assert __main__.main(words(tmp_path, "--out", str(out))) == 2
    assert "cirr val is not whole: not the protocol's counts" in capsys.readouterr().err and not out.exists()
    assert __main__.main(words(tmp_path, "--out", str(out), "--allow-missing", "--json")) == 0
    printed, kept = json.loads(capsys.readouterr().out), Result.read(out)
    assert printed["notes"] == list(kept.notes) and "6 queries and not 4181" in printed["notes"][0]
    assert printed["rows"]["sum"].keys() == {"R@1", "R@5", "R@10", "R@50", *(f"R_subset@{k}" for k in (1, 2, 3))}
    assert __main__.main(words(tmp_path, "--allow-missing")) == 0
    assert capsys.readouterr().out.lstrip().startswith("NOTE")


def test_hidden_targets_give_rankings_and_no_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthetic.cirr(tmp_path / "data")
    out = tmp_path / "result.json"
    assert __main__.main(words(tmp_path, "--split", "test1", "--allow-missing", "--out", str(out))) == 0
    said = capsys.readouterr().out
    assert "R@1" not in said and "only the test server knows the targets" in said
    kept = Result.read(out)
    assert kept.rows == {} and len(kept.answers["sum"].first[0]) == 11


def test_a_split_or_a_variant_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for more in (("--split", "train"), ("--variant", "best")):
        with pytest.raises(SystemExit, match="2"):
            __main__.main(words(tmp_path, *more))
