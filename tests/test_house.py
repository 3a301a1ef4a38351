"""The rules of the house that can be counted: sizes, names, folders and words."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.docstring_words import docstrings, per_thousand
from tests.imports import PACKAGES, ROOT, imports, modules

MAX_LINES = 300
MAX_FILES = 22
BANNED = {"asked", "each", "found", "kept", "made", "of", "said", "these", "told"}
BANNED_FILES = BANNED | {"base", "common", "constants", "core", "helpers", "manager", "misc", "types", "utils"}
SOURCES = sorted(
    path for folder in (*PACKAGES, "deploy") for kind in ("*.py", "*.js") for path in (ROOT / folder).rglob(kind)
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def definitions(path: Path) -> Iterator[str]:
    """Yield the names of the functions and methods of a file, and of its module-level variables."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            yield from (name.id for name in ast.walk(target or ast.Pass()) if isinstance(name, ast.Name))


@pytest.mark.parametrize("paths", [SOURCES, TESTS], ids=["sources", "tests"])
def test_no_file_is_longer_than_a_reader_wants(paths: list[Path]) -> None:
    lines = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


@pytest.mark.parametrize("paths", [SOURCES, TESTS], ids=["sources", "tests"])
def test_no_folder_holds_more_files_than_a_reader_surveys(paths: list[Path]) -> None:
    counts = Counter(named(path.parent) for path in paths)
    assert {folder: count for folder, count in counts.items() if count > MAX_FILES} == {}


def test_every_class_name_occurs_once() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(named(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_name_says_nothing() -> None:
    files = {named(path) for path in SOURCES if path.stem.strip("_").lower() in BANNED_FILES}
    names = {
        f"{named(path)}: {name}"
        for path in SOURCES
        if path.suffix == ".py"
        for name in definitions(path)
        if name.strip("_").lower() in BANNED
    }
    assert sorted(files | names) == []


def room(path: Path) -> str:
    """Return the folder of a file, or the file itself if its folder has sub-folders: it may be below or above them."""
    return named(path if any(path.parent.glob("*/*.py")) else path.parent)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folders_import_each_other(package: str) -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for name, path in modules().items():
        if name.startswith(f"{package}."):
            imported = {modules()[other] for other in imports(path, lazy=True) if other in modules()}
            graph[room(path)] |= {room(other) for other in imported if other.name != "__init__.py"} - {room(path)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" ← ".join(error.args[1]))


def test_docstrings_say_if_for_a_condition() -> None:
    where, if_ = per_thousand((path for path in SOURCES if path.suffix == ".py"), "where", "if")
    assert where <= 1.5 and if_ >= 3


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    first = re.compile(r"(What|Which|Who|Whoever|Where|Whether)\b")
    python = [path for path in SOURCES if path.suffix == ".py"]
    assert [named(path) for path in python if any(map(first.match, docstrings(path)))] == []
