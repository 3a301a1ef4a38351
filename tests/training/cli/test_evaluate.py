"""`likebut evaluate` of a published benchmark, by its command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.bundle import SHIPPED
from models.encoder import Encoder
from tests.training.evaluation import synthetic
from training import __main__
from training.evaluation import benchmark_images
from training.evaluation.benchmarks import published
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


def test_another_template_than_the_bundles_is_asked_in_and_named(
    split_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.cirr(tmp_path / "data")
    own, out = tmp_path / "own.json", tmp_path / "result.json"
    command = [*words(tmp_path, "--allow-missing"), "--bundle", str(split_bundle)]
    assert __main__.main([*command, "--out", str(own)]) == 0
    assert __main__.main([*command, "--out", str(out), "--template", "a photo of * , that {text}"]) == 0
    before, after = Result.read(own), Result.read(out)
    assert (before.model.template, after.model.template) == ("a photo of * that {text}", "a photo of * , that {text}")
    assert before.answers["sum"] == after.answers["sum"]  # in which no template has a part

    encoder = Encoder.open(split_bundle, threads=1)
    data = published.load("cirr", tmp_path / "data", split="val", variant="official")
    query = data.queries[0]
    pixels = benchmark_images.pixels(data.images[query.reference], encoder.manifest.resize)[None]
    found = encoder.with_template("a photo of * that {text}, really").queries(pixels, query.texts, text_weight=0.0)
    expected = encoder.queries(pixels, [f"{query.texts[0]}, really"], text_weight=0.0)
    np.testing.assert_array_equal(found, expected)

    for template in ("* that {text}", "{text}", "a photo of *", "a photo of * that {text} {text}"):
        assert __main__.main([*command, "--template", template]) == 2
        assert "template" in capsys.readouterr().err
