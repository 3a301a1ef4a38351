"""Counts how often docstrings say "where" and "if": `make words`.

A condition is an "if" in plain English. A docstring that says "where" for it is hard to read.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.imports import PACKAGES, ROOT

WORD = re.compile(r"[^\W\d_][\w'’-]*")


def docstrings(path: Path) -> Iterable[str]:
    """Yield every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def per_thousand(paths: Iterable[Path], *words: str) -> tuple[float, ...]:
    """Return how often each word occurs in 1 000 words of the docstrings."""
    counts = Counter(word.lower() for path in paths for text in docstrings(path) for word in WORD.findall(text))
    return tuple(1000 * counts[word] / max(1, counts.total()) for word in words)


def main() -> int:
    """Print the figures of each folder of the packages, and of all."""
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    print(f"{'folder':<36}{'where':>8}{'if':>8}")
    for folder in sorted(folders):
        where, if_ = per_thousand(folder.glob("*.py"), "where", "if")
        print(f"{folder.relative_to(ROOT)!s:<36}{where:>8.1f}{if_:>8.1f}")
    where, if_ = per_thousand((path for folder in folders for path in folder.glob("*.py")), "where", "if")
    print(f"{'all':<36}{where:>8.1f}{if_:>8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
