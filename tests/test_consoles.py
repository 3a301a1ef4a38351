"""The commands on consoles that are not UTF-8, with closed streams, and before readers that leave early."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.__main__ import main
from models.bundle import SHIPPED
from tests.imports import ROOT

ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
CONSOLES = [
    ASCII,
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "C", "PYTHONIOENCODING": "utf-8:strict"},
]
TITLE = "größe 世界 👕"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery whose ids, titles and skipped files need more than ASCII, and the source beside it."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("shop")
    for number, name in enumerate(("größe.png", "世界.png")):
        Image.new("RGB", (40, 40), (90 * number, 10, 200)).save(folder / name)
    rows = [{"id": f"größe/{name}", "image": name, "title": TITLE} for name in ("größe.png", "世界.png", "none.png")]
    (folder / "größe.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    words = ["build", str(folder / "größe.jsonl"), "--gallery", str(folder / "gallery"), "--progress", "none"]
    assert main(words) == 0
    return folder


def run(shop: Path, *words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Runs a command beside the gallery."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    command = [sys.executable, "-m", "service.cli", *words]
    return subprocess.run(
        command, cwd=shop, env={**clean, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, timeout=100
    )


@pytest.mark.parametrize("environment", CONSOLES, ids=[" ".join(map("=".join, each.items())) for each in CONSOLES])
@pytest.mark.parametrize(
    "words",
    [
        (), ("index", "build", "--help"), ("serve", "--help"), ("index", "skipped", "gallery"),
        ("search", "--gallery", "gallery", "--item", "größe/größe.png"), ("index", "inspect", "gallery"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_console_of_another_encoding_shows_escapes(
    shop: Path, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = run(shop, *words, environment=environment)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr.decode()
    assert done.stdout


@pytest.mark.parametrize("environment", CONSOLES, ids=[" ".join(map("=".join, each.items())) for each in CONSOLES])
def test_json_is_valid_on_every_console(shop: Path, environment: dict[str, str]) -> None:
    done = run(shop, "search", "--gallery", "gallery", "--text", "x", "--json", environment=environment)
    hits = json.loads(done.stdout)["hits"]
    assert {hit["id"] for hit in hits} == {"größe/größe.png", "größe/世界.png"}
    assert {hit["attributes"]["title"] for hit in hits} == {TITLE}
    skipped = run(shop, "index", "skipped", "gallery", "--json", environment=environment)
    assert json.loads(skipped.stdout)["id"] == "größe/none.png"
    assert "paths" in json.loads(run(shop, "openapi", environment=environment).stdout)


def test_a_failure_is_one_sentence_on_every_console(shop: Path) -> None:
    for words in (("index", "build", "größe.txt", "--gallery", "g"), ("größe",), ("index", "inspect", "größe")):
        done = run(shop, *words, environment=ASCII)
        assert done.returncode == 2 and b"gr\\xf6\\xdfe" in done.stderr, done.stderr.decode()
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    ["", "serve --help", "openapi", "search --gallery gallery --text x --json", "index inspect gallery --json",
     f"bundle inspect {SHIPPED}", "index skipped gallery"],
)  # fmt: skip
@pytest.mark.parametrize("streams", ["| true", "2>&1 | true", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full"])
def test_a_reader_that_leaves_is_no_traceback(shop: Path, words: str, streams: str) -> None:
    line = f'set -o pipefail; "{sys.executable}" -m service.cli {words} {streams}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", line], cwd=shop, env=environment, capture_output=True, text=True, timeout=100)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    full = "full" in streams and "--help" not in words  # argparse ignores a full disk
    assert done.returncode == (2 if full else 0), done.stderr


def test_a_build_with_closed_streams_builds(shop: Path, tmp_path: Path) -> None:
    line = f'"{sys.executable}" -m service.cli index build größe.jsonl --gallery {tmp_path}/g --progress bar'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for number, streams in enumerate((">&- 2>&- <&-", "2>&1 | true")):
        subprocess.run(["bash", "-c", f"{line.replace('/g ', f'/g{number} ')} {streams}"], cwd=shop, env=environment)
        done = run(shop, "index", "inspect", f"{tmp_path}/g{number}", "--json", environment={})
        assert json.loads(done.stdout)["items"] == 2


def test_ids_do_not_depend_on_the_locale(shop: Path, tmp_path: Path) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = ("index", "build", ".", "--gallery", f"{tmp_path}/größe", "--progress", "none")
    assert run(shop, *words, environment=environment).returncode == 0
    searched = run(shop, "search", "--gallery", f"{tmp_path}/größe", "--text", "x", "--json", environment=environment)
    assert {hit["id"] for hit in json.loads(searched.stdout)["hits"]} >= {"größe", "世界"}
