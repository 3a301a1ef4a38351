"""A service with a drawn shop, which the clients search and change."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.imports import ROOT


@pytest.fixture(scope="session")
def address(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., AbstractContextManager[str]]
) -> Iterator[str]:
    """The address of a service with two dozen drawn products."""
    folder = tmp_path_factory.mktemp("shop")
    draw = ("catalogue", folder / "shop", "--split", "test", "--products", "24", "--triplets", "2", "--size", "96")
    build = ("index", "build", folder / "shop" / "items.parquet", "--gallery", folder / "gallery", "--progress", "none")
    for words in (draw, build):
        command = [sys.executable, "-m", "service.cli", *map(str, words)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    with serve("--gallery", folder / "gallery") as served:
        yield served


@pytest.fixture
def files() -> Callable[[Path], dict[str, str]]:
    """Return a function that reads the texts of all files in a folder, by their path in it."""

    def read(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    return read
