"""Writes gpu_wheels.json, what the wheels of the gpu extra need, as pip resolves it from an index."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_suffix(".json")
WHEELS = ("faiss-gpu", "onnxruntime-gpu[cuda,cudnn]")


def main() -> int:
    """Resolve the wheels by constraints.txt, install nothing, and write what each of them requires."""
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = ["pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", str(report)]
        subprocess.run(
            [sys.executable, "-m", *command, "-c", str(ROOT / "constraints.txt"), *WHEELS], check=True, text=True
        )
        resolved = json.loads(report.read_text(encoding="utf-8"))["install"]
    wheels = {
        one["metadata"]["name"].lower().replace("_", "-"): {
            "version": one["metadata"]["version"],
            "requires": sorted(one["metadata"].get("requires_dist", [])),
        }
        for one in resolved
    }
    FILE.write_text(json.dumps(dict(sorted(wheels.items())), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
