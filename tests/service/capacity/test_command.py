"""`likebut capacity` prints an estimate for people or programs, and refuses bad input in a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main

ROOT = Path(__file__).parents[3]


def test_the_text_names_machines_choice_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--items", "1e9", "--qps", "500", "--recall", ".95", "--dimension", "256"]) == 0
    printed = capsys.readouterr().out
    assert "1,000,000,000 items × 256, 500 searches/s" in printed
    for word in (
        "machines",
        "memory",
        "disk",
        "build",
        "cost",
        "Chosen: a gallery in Milvus",
        "[published",
        "[measured",
    ):
        assert word in printed


def test_the_json_has_both_estimates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--items", "2e6", "--json", "--filtered", "0", "--encoding", "rabitq"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["demand"]["items"] == 2_000_000 and printed["demand"]["encoding"] == "rabitq"
    assert {one["engine"] for one in printed["estimates"]} == {"folder", "milvus"}
    assert printed["estimates"][0]["engine"] == printed["chosen"]
    assert all(one["assumptions"] for one in printed["estimates"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--items", "many"],
        ["--items", "1.5"],
        ["--items", "nan"],
        ["--items", "inf"],
        ["--items", "1e6", "--encoding", "pq"],
        ["--items", "1e6", "--qps", "inf"],
        ["--items", "1e6", "--cores", "1.5"],
    ],
)
def test_what_is_no_number_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["capacity", *words])
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--items", "5"], "--items is 5"), (["--items", "1e6", "--recall", ".9999"], "was not measured")],
)
def test_what_is_out_of_range_is_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capacity", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.process
def test_help_needs_no_faiss() -> None:
    code = "import sys; from service.__main__ import main\ntry: main(['capacity', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'faiss' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
