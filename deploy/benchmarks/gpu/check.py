"""Runs one stage of the GPU check and writes its rows, or why a part was skipped; deploy/gpu_check.sh runs all three.

Every part writes what it has when it ends, so that a stage that is killed loses no more than one part. With --resume a
stage goes on after the part in which the process crashed.
"""

import argparse
import importlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from gpu.setting import CheckPart, CheckSetting, Parts, PartSkipped

STAGES = {
    1: ("gpu.ceilings", "gpu.steps", "gpu.torch_inference"),
    2: ("gpu.runtime", "gpu.end_to_end"),
    3: ("gpu.index_search",),
}
LEFT_S = 10.0  # of a stage's time, to end in
PACKAGES = (
    *("torch", "open_clip_torch", "onnxruntime", "onnxruntime-gpu", "tensorrt-cu13-libs", "faiss-cpu", "faiss-gpu"),
)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, choices=tuple(STAGES), required=True)
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU, to prove the check itself")
    parser.add_argument("--seconds", type=float, default=200.0, help="of the stage; no part begins without time left")
    parser.add_argument("--folder", type=Path, default=Path("build/gpu"))
    parser.add_argument("--resume", action="store_true", help="keep the parts that stage-N.json has")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    setting = CheckSetting(arguments.dry, arguments.folder, time.monotonic() + arguments.seconds - LEFT_S)
    return run_stage(arguments.stage, setting, resume=arguments.resume)


def run_stage(stage: int, setting: CheckSetting, *, resume: bool = False) -> int:
    """Run the parts in order and write stage-N.json; return 1 if one of them failed."""
    path = setting.folder / f"stage-{stage}.json"
    results: dict[str, Any] = {"machine": machine(), "dry": setting.dry, "rates": setting.rates, "parts": {}}
    if resume:
        results["parts"] = json.loads(path.read_text(encoding="utf-8"))["parts"]
        setting.rates.update(json.loads(path.read_text(encoding="utf-8"))["rates"])
    for name in STAGES[stage]:
        try:
            parts: Parts = importlib.import_module(name).PARTS
        except ImportError as error:
            results["parts"][name] = {"skipped": f"{error.name or error} is not installed"}
            print(f"stage {stage}, {name}: skipped, {error.name or error} is not installed", flush=True)
            continue
        for part in parts:
            if part.name in results["parts"]:
                continue
            results["parts"][part.name] = {"failed": "the process crashed"}  # stays if it does
            _write(path, results)
            results["parts"][part.name] = found = _measured(part, setting)
            _write(path, results)
            said = next((f"{key}, {found[key]}" for key in ("skipped", "failed") if key in found), "done")
            print(f"stage {stage}, {part.name}: {said} ({found.get('seconds', 0):.0f} s)", flush=True)
    _write(path, results)
    return int(any("failed" in part for part in results["parts"].values()))


def _write(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")


def _measured(part: CheckPart, setting: CheckSetting) -> dict[str, Any]:
    """Return the rows of a part, or the reason why there are none."""
    if not setting.dry and setting.left_s < part.least_s:
        return {"skipped": f"only {setting.left_s:.0f} s of the stage are left"}
    began = time.monotonic()
    rows: list[dict[str, object]] = []
    outcome: dict[str, Any] = {}
    try:
        for row in part.measure(setting):
            rows.append(dict(row))
            if setting.left_s < 0:
                outcome["skipped"] = "the rest, since the time of the stage is over"
                break
    except PartSkipped as reason:
        outcome["skipped"] = str(reason)
    except ImportError as error:
        outcome["skipped"] = f"{error.name or error} is not installed"
    except (Exception, SystemExit) as error:  # a part that fails must not cost the others their time on the machine
        outcome["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:500]
    return {"seconds": time.monotonic() - began, "rows": rows, **outcome}


def machine() -> dict[str, object]:
    """Return what the machine is: GPU, driver, processor, versions."""
    facts: dict[str, object] = {"processor": platform.machine(), "python": platform.python_version()}
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        facts["gpu"] = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        facts["gpu"] = "none"
    for package in PACKAGES:
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            facts[package] = "not installed"
    return facts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
