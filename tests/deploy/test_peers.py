"""The comparison with peers: the page is made from figures, and a peer that cannot be installed is reported."""

from pathlib import Path
from typing import Any

import pytest

from peers import environments, report

KIND = "text"


def service(per_s: float) -> dict[str, Any]:
    return {KIND: [{"per_s": per_s * turn, "cpu_ms": 10.0, "p50_ms": 5.0} for turn in (1, 2, 3)]}


def services(missing: dict[str, str]) -> dict[str, Any]:
    found = {"Likebut": service(20), "Likebut, a worker each core": service(30), "LitServe": service(10)}
    measured = {"found": found, "missing": missing, "mib": dict.fromkeys(found, 100.0)}
    return {"callers": 16, "sizes": {"small": measured | {"versions": dict.fromkeys(found, "1.0")}}}


def indexes() -> dict[str, Any]:
    def rounds(p50_ms: float, recall: float = 0.95) -> list[dict[str, float]]:
        return [{"p50_ms": p50_ms, "cpu_ms": p50_ms, "recall": recall} for _ in range(3)]

    engines = {name: {"version": "1.0", "build_cpu_s": 1.0} for name in ("Likebut", "FAISS lists", "hnswlib")}
    cases = [
        {"filter": None, "batch": 1, "engines": {"Likebut": rounds(2), "FAISS lists": rounds(1), "hnswlib": rounds(1)}},
        {"filter": ["random", 5], "batch": 1, "engines": {"Likebut": rounds(2), "hnswlib": rounds(1, recall=0.5)}},
    ]
    return {"items": 10, "dimension": 4, "engines": engines, "missing": {}, "cases": cases}


def test_ratio_is_the_median_of_the_rounds() -> None:
    ours, theirs = [{"x": 1.0}, {"x": 9.0}, {"x": 4.0}], [{"x": 1.0}, {"x": 3.0}, {"x": 2.0}]
    assert report.ratio(ours, theirs, "x") == 2.0


def test_server_has_its_ratios_to_both_of_ours() -> None:
    (line,) = [line for line in report.service_section(services({})) if line.startswith("| text | LitServe")]
    assert "| 2.00 / 3.00 |" in line


def test_request_short_of_the_goal_is_named() -> None:
    measured = services({})["sizes"]["small"]
    assert "Short" not in report.behind_servers(measured)[0]
    measured["found"]["LitServe"] = service(28)
    assert "LitServe at text (1.07)" in report.behind_servers(measured)[0]


def test_faster_engine_is_named_only_at_the_same_recall() -> None:
    (sentence,) = report.behind_engines(indexes())
    assert "FAISS lists, single (2.00)" in sentence and "0.5 % kept" not in sentence


def test_engine_without_filters_has_a_dash() -> None:
    (line,) = [line for line in report.index_section(indexes()) if line.startswith("| 0.5 % kept, by chance")]
    assert line.split(" | ")[2] == "–"


def test_page_names_what_was_not_measured() -> None:
    text = report.page(services({"Triton": "could not be installed: no wheel"}), indexes())
    assert "- Triton: not measured, it could not be installed: no wheel." in text


@pytest.mark.slow
def test_peer_that_cannot_be_installed_is_reported(tmp_path: Path) -> None:
    nothing = f"nothing @ {(tmp_path / 'no.whl').as_uri()}"
    with pytest.raises(environments.PeerMissing, match="could not be installed"):
        environments.installed("nothing", tmp_path, (nothing,))
    assert not (tmp_path / "nothing" / "installed.txt").exists()


@pytest.mark.slow
def test_environment_that_is_complete_is_not_made_again(tmp_path: Path) -> None:
    python = environments.installed("empty", tmp_path, ("pip",))
    before = python.parent.stat().st_mtime_ns
    assert environments.installed("empty", tmp_path, ("pip",)) == python
    assert python.parent.stat().st_mtime_ns == before
