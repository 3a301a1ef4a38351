"""The libraries that a service has in memory once it is ready: those of training would double it."""

import re
import sys
from pathlib import Path

import pytest

from tests.service.test_shutdown import started

HEAVY = ("torch", "scipy", "pandas", "pymilvus", "grpc", "matplotlib", "sklearn", "transformers", "_dataset")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_service_that_is_ready_has_loaded_no_library_of_training(gallery: Path, tmp_path: Path) -> None:
    with started(tmp_path / "log", "--gallery", gallery) as (process, _):
        mapped = maps(process.pid)
    loaded = {Path(path).name for path in re.findall(r"\S+\.so\S*", mapped)}
    folders = set(re.findall(r"site-packages/(\w+)", mapped))
    assert "libarrow" in " ".join(loaded) and "numpy" in folders  # the files are seen at all
    assert [name for name in HEAVY if name in folders or any(file.startswith(name) for file in loaded)] == []


def maps(pid: int) -> str:
    """Return the mapped files of a process."""
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
