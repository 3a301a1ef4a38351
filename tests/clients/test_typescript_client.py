"""The TypeScript client: as generated from the OpenAPI document, strictly typed, and against a running service."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.imports import ROOT

FOLDER = ROOT / "clients" / "typescript"
JOURNEY = ROOT / "tests" / "clients" / "journey.ts"  # calls of all kinds; what must not compile is marked
IMAGE = ROOT / "docs" / "sweater.jpg"
ADDRESS = "http://127.0.0.1:8000"  # of the demo, in the sample


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its pinned dependencies, and the journey beside the sample."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: it brings the TypeScript compiler and the generator")
    folder = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copy(JOURNEY, folder)
    settings = json.loads((folder / "tsconfig.json").read_text(encoding="utf-8"))
    settings["files"].append(JOURNEY.name)
    (folder / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    run(npm, "ci", "--no-audit", "--no-fund", "--prefer-offline", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def compiled(package: Path) -> Path:
    """The package, compiled; a failure says what is not strictly typed."""
    assert json.loads((package / "tsconfig.json").read_text(encoding="utf-8"))["compilerOptions"]["strict"]
    run(package / "node_modules" / ".bin" / "tsc", "--project", ".", cwd=package)
    return package


def test_the_typescript_client_is_generated_from_the_document(package: Path, tmp_path: Path) -> None:
    document = ROOT / "service" / "openapi.json"
    run("node", "generate.mjs", tmp_path / "schema.ts", document, cwd=package)
    fresh, written = ((folder / "schema.ts").read_text(encoding="utf-8") for folder in (tmp_path, FOLDER))
    assert fresh == written, "run `make clients` and commit what it writes"


def test_the_typescript_sample_runs(compiled: Path, address: str) -> None:
    script = compiled / "dist" / "sample.js"
    code = script.read_text(encoding="utf-8")
    assert code.count(ADDRESS) == 1
    script.write_text(code.replace(ADDRESS, address), encoding="utf-8")
    printed = [line.split(" ", 1) for line in run("node", script, cwd=ROOT).splitlines()]
    assert len(printed) == 5 and all(-1 <= float(score) <= 1 and title for score, title in printed)


def test_typed_calls_of_all_kinds_hold(compiled: Path, address: str) -> None:
    run("node", compiled / "dist" / "journey.js", address, IMAGE, cwd=ROOT)


def test_no_address_of_a_registry_is_locked() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    assert all(
        "integrity" in package and "resolved" not in package for name, package in lock["packages"].items() if name
    )
