"""The `likebut` command beside other modules that are named like its packages."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.imports import PACKAGES, ROOT


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with modules of these names, one image and an environment that finds the modules first."""
    for number, name in enumerate(sorted(PACKAGES)):
        if number % 2:
            (tmp_path / f"{name}.py").write_text("raise SystemExit('foreign')\n")
        else:
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise SystemExit('foreign')\n")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "images" / "red.png")
    return tmp_path


def environment(foreign: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{foreign}{os.pathsep}{ROOT}"}


def run(foreign: Path, *words: str) -> str:
    """Return the output of a command in the folder."""
    command = [sys.executable, "-m", "likebut", *words]
    done = subprocess.run(
        command, cwd=foreign, env=environment(foreign), capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "words", [("--version",), ("index", "build", "--help"), ("bundle", "inspect", "--help"), ("train", "--help"),
              ("openapi",)]
)  # fmt: skip
def test_each_folder_is_found(foreign: Path, words: tuple[str, ...]) -> None:
    assert run(foreign, *words)


def test_the_processes_of_the_service_find_it_too(foreign: Path) -> None:
    run(foreign, "index", "build", "images", "--gallery", "gallery", "--progress", "none")
    command = [sys.executable, "-m", "likebut", "serve", "--gallery", "gallery", "--port", "0", "--drain-s", "0"]
    with subprocess.Popen(command, cwd=foreign, env=environment(foreign), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            assert "serving" in line, line
            with httpx.Client(base_url=line.split()[-1], timeout=30) as client:
                job = client.post("/index", json={"source": str(foreign / "images")}).json()["job"]
                while (state := client.get(f"/index/jobs/{job}").json())["state"] in ("queued", "running"):
                    time.sleep(0.1)
                assert (state["state"], state["items"]) == ("done", 1), state
                image = (foreign / "images" / "red.png").read_bytes()
                assert client.post("/search", files={"image": image}).json()["hits"][0]["id"] == "red"
        finally:
            process.terminate()
        process.stderr.read()
        assert process.wait(timeout=30) == 0


def test_a_search_runs_in_that_folder(foreign: Path) -> None:
    run(foreign, "index", "build", "images", "--gallery", "gallery", "--progress", "none")
    found = json.loads(run(foreign, "search", "--gallery", "gallery", "--text", "red", "--json"))
    assert [hit["id"] for hit in found["hits"]] == ["red"]
