"""The documents against the disk: the map, the commands and the targets they name exist."""

import re
import subprocess
from pathlib import Path

import pytest

from service.door import VERBS

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


def test_every_target_a_document_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
            assert target in targets, f"{document.name}: make {target}"


def test_every_command_a_document_names_is_a_verb() -> None:
    for document in DOCUMENTS:
        for verb in re.findall(r"(?:^|`)likebut (\w+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
            assert verb in VERBS, f"{document.name}: likebut {verb}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target
