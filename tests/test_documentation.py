"""The documents against the disk: the map, the commands and the targets they name exist."""

import argparse
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from models import cli
from service.cli import VERBS
from service.schemas.gallery import IndexBody, ItemBody
from service.schemas.search import SearchBody, SearchesBody

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BODIES: dict[str, type[BaseModel]] = {
    "/search": SearchBody,
    "/searches": SearchesBody,
    "/index": IndexBody,
    "/items": ItemBody,
}
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


def test_the_front_page_is_short_and_its_two_commands_are_targets() -> None:
    assert len(README.splitlines()) <= 165
    block = README.split("## Two commands")[1].split("```")[1]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", block, flags=re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_the_quick_start_runs_in_a_checkout(tmp_path: Path) -> None:
    block = README.split("## Your own products")[1].split("```")[1]
    _, after = block.split("pip install", 1)
    lines = after.split("\n", 1)[1].replace("likebut serve", ": likebut serve")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    script = f'set -e\nlikebut() {{ "{sys.executable}" -m service.cli "$@"; }}\n{lines}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "yellow-sweater" in done.stdout.splitlines()[1]  # the first hit, after the line of the build


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_in_backticks_exists(document: Path) -> None:
    folders = {"service", "index", "models", "training", "deploy", "tests", "docs"}
    for name in re.findall(r"`([\w.-]+/[\w./-]*)`", document.read_text(encoding="utf-8")):
        if name.split("/")[0] in folders and document.name != "CHANGELOG.md":
            assert (ROOT / name).exists(), name


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

    def run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
        ran.append(parser.parse_args(argv))
        return 0

    monkeypatch.setattr(cli, "run", run)
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
def test_every_curl_example_sends_a_body_that_its_route_reads(document: Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        for command in block.split("curl ")[1:]:
            words = shlex.split(command.replace("\\\n", " ").split("| python3")[0])
            route = urlsplit(next(word for word in words if word.startswith("http://127.0.0.1"))).path
            if "-d" in words:
                body = json.loads(words[words.index("-d") + 1])
                BODIES["/items" if route.startswith("/items/") else route].model_validate(body)
                for search in body.get("searches", ()):
                    SearchBody.model_validate(search)
            for word in words:
                if word.startswith("query="):
                    SearchBody.model_validate({"text": "x", **json.loads(word.removeprefix("query="))})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_its_heading(document: Path) -> None:
    for name, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)]*)\)", document.read_text(encoding="utf-8")):
        if "://" in name:
            continue
        target = document.parent / name if name else document
        assert target.exists(), name
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor
