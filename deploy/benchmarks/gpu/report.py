"""The page of a GPU check, from what its stages measured: a table of each part, or why it was skipped."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu.check import STAGES

TITLES = {
    1: "Ceilings, training steps, inference in torch",
    2: "ONNX Runtime: parity, times, a service end to end",
    3: "FAISS on the GPU beside the CPU",
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/gpu"))
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file to write")
    arguments = parser.parse_args(argv)
    stages = {}
    for stage in STAGES:
        path = arguments.folder / f"stage-{stage}.json"
        if path.is_file():
            stages[stage] = json.loads(path.read_text(encoding="utf-8"))
    if not stages:
        raise SystemExit(f"{arguments.folder} has no stage-N.json: run deploy/gpu_check.sh first")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page(stages, date=datetime.now(UTC).date().isoformat()), encoding="utf-8")
    print(arguments.out)
    return 0


def page(stages: Mapping[int, Mapping[str, Any]], *, date: str) -> str:
    """Return the whole page as Markdown."""
    dry = any(results["dry"] for results in stages.values())
    way = "deploy/gpu_check.sh --dry" if dry else "deploy/gpu_check.sh"
    lines = [f"# GPU check, {date}", "", f"Written by `{way}`.", ""]
    if dry:
        lines += ["**A dry run**: tiny sizes on the CPU, which prove the check and say nothing of a GPU.", ""]
    facts = list(stages.values())[-1]["machine"]  # the last one's: more may have been installed between them
    lines += ["| machine | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    for stage, title in TITLES.items():
        lines += [f"## {stage}. {title}", ""]
        if stage not in stages:
            lines += ["Not run.", ""]
            continue
        for name, part in stages[stage]["parts"].items():
            lines += section(name, part)
    return "\n".join(lines)


def section(name: str, part: Mapping[str, Any]) -> list[str]:
    """Return one part: its table, and what was skipped or failed."""
    lines = [f"### {name[0].upper()}{name[1:]}", ""]
    rows: list[dict[str, object]] = part.get("rows", [])
    if rows:
        columns = list(rows[0])
        lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(str(row.get(column, '–')) for column in columns)} |" for row in rows]
        lines.append("")
    if "skipped" in part:
        lines += [f"Skipped: {part['skipped']}.", ""]
    if "failed" in part:
        lines += [f"**Failed**: {part['failed']}", ""]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
