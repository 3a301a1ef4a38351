"""A Dockerfile read as far as ours goes: its stages, and what a target inherits."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Stage:
    """One stage: what it is made from, and its instructions in their order."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)  # instruction, the rest of its line


def read(path: Path) -> dict[str, Stage]:
    """The stages by name, in the order of the file."""
    text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
    stages: dict[str, Stage] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = rest.split()
            stages[name] = Stage(base)
        elif stages:
            stages[next(reversed(stages))].steps.append((instruction, rest))
    return stages


def steps(stages: dict[str, Stage], target: str) -> list[tuple[str, str]]:
    """All instructions of a target, those that it inherits first."""
    stage = stages[target]
    return [*(steps(stages, stage.base) if stage.base in stages else []), *stage.steps]


def last(found: list[tuple[str, str]], instruction: str) -> str:
    """What the last instruction of that kind says."""
    return next(rest for kind, rest in reversed(found) if kind == instruction)


def variables(found: list[tuple[str, str]], instruction: str) -> dict[str, str]:
    """The names and values that ENV or ARG set."""
    pairs = [pair for kind, rest in found if kind == instruction for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)
