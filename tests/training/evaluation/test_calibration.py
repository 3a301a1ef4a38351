"""Calibration: the curve of known chances is found again, and a bundle gets its own without any other change."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.bundle import Bundle, Logistic
from models.encoder import Encoder
from training import __main__
from training.evaluation import calibration
from training.evaluation.calibration import Judged


def judged(curve: Logistic, *, count: int) -> Judged:
    """Return hits that satisfy with just the chances of the curve."""
    random = np.random.default_rng(4)
    scores = random.uniform(0.2, 1.0, count)
    return Judged(scores, random.random(count) < curve.chance(scores))


def test_the_curve_of_known_chances_is_found_again() -> None:
    found = calibration.fit(judged(Logistic(slope=20.0, intercept=-14.0), count=200_000))
    assert found.slope == pytest.approx(20, rel=0.05) and found.intercept == pytest.approx(-14, rel=0.05)


def test_chance_and_share_are_compared_bin_by_bin() -> None:
    curve = Logistic(slope=20.0, intercept=-14.0)
    hits = judged(curve, count=50_000)
    rows = calibration.reliability(curve, hits)
    assert sum(count for _, _, count in rows) == 50_000 and calibration.error(rows) < 0.01
    wrong = calibration.reliability(Logistic(slope=20.0, intercept=-8.0), hits)
    chances = Logistic(slope=20.0, intercept=-8.0).chance(hits.scores)
    assert calibration.error(wrong) == pytest.approx(abs(float((chances - hits.satisfied).mean())), abs=0.01)


def test_a_bundle_gets_its_curves_and_keeps_everything_else(
    split_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copytree(split_bundle, tmp_path / "bundle"))
    plot = tmp_path / "plot.png"
    words = ["calibrate", str(path), "--products", "120", "--queries", "20", "--cache", str(tmp_path / "cache")]
    assert __main__.main([*words, "--plot", str(plot)]) == 0
    assert capsys.readouterr().out.startswith("composed: slope ") and plot.stat().st_size > 5_000
    before, after = (Bundle.open(folder).manifest for folder in (split_bundle, path))
    assert before.calibration is None and after.calibration is not None
    assert after.model_copy(update={"calibration": None, "files": before.files}) == before
    assert before.files.items() <= after.files.items() and set(after.files) - set(before.files) == {"known.npz"}
    both = (tmp_path / "known.npz", path / "known.npz")
    shutil.copy(both[1], both[0])
    assert __main__.main([*words, "--images-only"]) == 0  # the same images, and the curves stay
    assert both[0].read_bytes() == both[1].read_bytes() and Bundle.open(path).manifest == after
    Encoder.open(path)


def test_texts_that_no_item_satisfies_are_among_those_judged(split_bundle: Path) -> None:
    encoder = Encoder.open(split_bundle, threads=1)
    shop = calibration.shop(encoder, split="val", products=60, seed=3, cache=None)
    found = calibration.text(encoder, shop, books=("dictated",), queries=40, seed=3)
    of_query = found.satisfied.reshape(40, -1)
    assert 4 <= sum(not row.any() for row in of_query) < 40
