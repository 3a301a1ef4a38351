"""The GPU check proves itself on the CPU: every stage runs at tiny size, and says what it skips and why."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gpu import check, report
from gpu.setting import CheckPart, CheckSetting, PartSkipped, Row
from tests.deploy.conftest import ROOT


def rows(setting: CheckSetting) -> Iterator[Row]:
    yield {"batch": 1, "ms": 2.5}


def skipped(setting: CheckSetting) -> Iterator[Row]:
    raise PartSkipped("torch sees no GPU")
    yield {}


def failing(setting: CheckSetting) -> Iterator[Row]:
    yield {"batch": 1, "ms": 2.5}
    raise RuntimeError("out of memory\nand more")


def ending(setting: CheckSetting) -> Iterator[Row]:
    yield {"batch": 1, "ms": 2.5}
    raise SystemExit("the service ended before it was ready")


def setting(folder: Path, *, dry: bool = True, left_s: float = 60.0) -> CheckSetting:
    return CheckSetting(dry, folder, time.monotonic() + left_s)


def test_a_part_has_its_rows_its_reason_or_its_error(tmp_path: Path) -> None:
    made = setting(tmp_path)
    assert check._measured(CheckPart("one", rows), made)["rows"] == [{"batch": 1, "ms": 2.5}]
    assert check._measured(CheckPart("two", skipped), made)["skipped"] == "torch sees no GPU"
    found = check._measured(CheckPart("three", failing), made)
    assert found["failed"] == "RuntimeError: out of memory" and len(found["rows"]) == 1
    found = check._measured(CheckPart("four", ending), made)
    assert found["failed"] == "SystemExit: the service ended before it was ready"


def test_no_part_begins_without_its_time(tmp_path: Path) -> None:
    found = check._measured(CheckPart("one", rows, least_s=30.0), setting(tmp_path, dry=False, left_s=5.0))
    assert "left" in found["skipped"] and "rows" not in found


def test_a_stage_goes_on_after_the_part_that_crashed(tmp_path: Path) -> None:
    before = {"machine": {}, "dry": True, "rates": {"bf16 FLOP/s": 5.0}, "parts": {"index": {"failed": "it crashed"}}}
    (tmp_path / "stage-3.json").write_text(json.dumps(before))
    made = setting(tmp_path)
    assert check.run_stage(3, made, resume=True) == 1 and made.rates == {"bf16 FLOP/s": 5.0}
    assert json.loads((tmp_path / "stage-3.json").read_text())["parts"] == before["parts"]


def test_the_page_has_tables_reasons_and_errors() -> None:
    parts = {
        "copies": {"rows": [{"copy": "within", "GB/s": 4.0}], "seconds": 1.0},
        "steps": {"skipped": "torch is not installed"},
        "latency": {"rows": [], "failed": "RuntimeError: no"},
    }
    text = report.page({1: {"machine": {"gpu": "none"}, "dry": True, "parts": parts}}, date="2026-01-01")
    for line in (
        "| copy | GB/s |",
        "| within | 4.0 |",
        "Skipped: torch is not installed.",
        "**Failed**: RuntimeError: no",
    ):
        assert line in text.splitlines()
    assert "A dry run" in text and "Not run." in text


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_stage_runs_dry_on_the_cpu(tmp_path: Path, stage: int) -> None:
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "gpu_check.sh"), "--dry", str(stage)],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable, "FOLDER": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts: dict[str, Any] = json.loads((tmp_path / f"stage-{stage}.json").read_text())["parts"]
    for name, part in parts.items():
        if "skipped" in part:
            assert stage != 3 and find_spec("torch") is None, f"{name}: {part['skipped']}"
        else:
            assert part["rows"], name
    assert "A dry run" in (tmp_path / "gpu-dry.md").read_text()


def test_another_argument_is_refused() -> None:
    done = subprocess.run(["sh", str(ROOT / "deploy" / "gpu_check.sh"), "--fast"], capture_output=True, text=True)
    assert done.returncode == 2 and "--fast" in done.stderr
