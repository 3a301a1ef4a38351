"""The documents against the disk: the map, the commands and the targets they name exist."""

import argparse
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from models import cli
from service.cli import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", "build", "runs", "node_modules"} & set(path.relative_to(ROOT).parts)
)


def test_the_map_names_every_folder_of_the_house_and_nothing_else() -> None:
    drawn = README.split("## The map")[1].split("```")[1]
    named = set(re.findall(r"^(\w+)/", drawn, flags=re.MULTILINE))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    on_disk = {path.split("/")[0] for path in tracked if "/" in path and not path.startswith(".")}
    assert named == on_disk


def commands(document: Path) -> list[list[str]]:
    """The words of every command in a fenced block or in backticks."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines() + re.findall(r"`([^`\n]+)`", text)
    return [shlex.split(line, comments=True) for line in lines if line.startswith(("make ", "likebut "))]


def test_every_target_a_document_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {words[1] for document in DOCUMENTS for words in commands(document) if words[0] == "make"}
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_a_document_names_parses(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[argparse.Namespace] = []
    monkeypatch.setattr(cli, "run", lambda parser, argv: ran.append(parser.parse_args(argv)) or 0)
    asked = [
        words[1:]
        for words in commands(document)
        if words[0] == "likebut" and not {"DIR", "…", "X.toml", "--help"} & set(words)
    ]
    asked = [words for words in asked if len(words) > 1]
    for words in asked:
        folder, _ = VERBS[words[0]]
        rest = words[1:] if words[0] in ("index", "bundle") else words
        importlib.import_module(f"{folder}.__main__").main(rest)
    assert len(ran) == len(asked)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target
