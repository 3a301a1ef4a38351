"""What the tests of the deployment share: a gallery of a few drawn products, and tools that may be absent."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Tool = Callable[..., str]


@pytest.fixture(scope="session")
def tool() -> Tool:
    """`tool("promtool", "check", …)` gives what it prints; skips where it is absent, fails where it does."""

    def run(name: str, *words: str | Path, cwd: Path = ROOT) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        done = subprocess.run([found, *words], cwd=cwd, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of two dozen drawn products; nobody may change it."""
    folder = tmp_path_factory.mktemp("shop")
    draw = ("catalogue", folder / "shop", "--split", "test", "--products", "24", "--triplets", "2", "--size", "96")
    build = ("index", "build", folder / "shop" / "items.parquet", "--gallery", folder / "gallery", "--progress", "none")
    for words in (draw, build):
        command = [sys.executable, "-m", "service.cli", *map(str, words)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder / "gallery"
