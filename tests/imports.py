"""The import graph of the four packages and their tests, read from the sources: nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("service", "index", "models", "training")


@cache
def modules() -> dict[str, Path]:
    """Return the files of the packages and of the tests, by dotted name; a package has the name of its folder."""
    files: dict[str, Path] = {}
    for package in (*PACKAGES, "tests"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


@cache
def imports(path: Path, *, lazy: bool) -> set[str]:
    """Return the names that a file imports: modules of ours in full, the others as they are written.

    `lazy` includes the imports within functions, which a mere import of the file does not run.
    """
    names: set[str] = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), lazy=lazy):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = inner & modules().keys()
            names |= submodules if len(submodules) == len(inner) else submodules | {node.module}
    return names


@cache
def reach(path: Path) -> set[str]:
    """Return everything that importing a file imports, by way of our own modules too."""
    names, rest = set[str](), [path]
    while rest:
        fresh = imports(rest.pop(), lazy=False) - names
        names |= fresh
        rest += [modules()[name] for name in fresh if name in modules()]
    return names


def _nodes(tree: ast.AST, *, lazy: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _nodes(node, lazy=lazy)
