"""A shop's source as items on this disk: `likebut index` reads it in a process of its own, as its builds do."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import InputError
from training.data.formats import jsonl

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class ShopItem:
    """One item of a source, with the file of its image."""

    id: str
    image: str
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ShopSource:
    """The items of a source that have an image, and what was left out."""

    items: Sequence[ShopItem]
    skipped: Mapping[str, int]  # by the reason
    notes: Sequence[str]


def read(source: str, folder: Path, *, columns: Mapping[str, str]) -> ShopSource:
    """Copy a source to a folder and read it; raises InputError if the source cannot be read, or has no image."""
    maps = [word for name, column in columns.items() for word in ("--map", f"{name}={column}")]
    command = [sys.executable, "-m", "index", "copy", source, "--out", str(folder), "--json", *maps]
    paths = (str(ROOT), os.environ.get("PYTHONPATH"))  # so that `-m index` is this package, installed or not
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise InputError(lines[-1].removeprefix("likebut: ") if lines else f"{source} could not be read")
    report = json.loads(done.stdout)
    items = [
        ShopItem(str(row["id"]), str(row["image"]), attributes)
        for row in jsonl.records(folder / "items.jsonl")
        if isinstance(attributes := row["attributes"], dict)
    ]
    if not items:
        reasons = "; ".join(f"{number} × {reason}" for reason, number in report["skipped"].items())
        raise InputError(f"no product of {source} has an image that can be used ({reasons}): correct the image column")
    return ShopSource(items, report["skipped"], report["notes"])
