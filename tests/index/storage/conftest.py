"""Fixtures for the journal's tests: a gallery with changes in its write-ahead file."""

import subprocess
import sys
from pathlib import Path

import pytest

from index.build.build import build
from index.build.compact import compact
from index.storage.changes import Delete
from index.storage.snapshot import JOURNAL
from models.encoder import Encoder
from tests.index.conftest import Draw
from tests.index.uploads import opened, quiet

ROOT = Path(__file__).parents[3]
WAL = f"{JOURNAL}-wal"
CHANGES = 5
KILLED = """
import os, signal, sys
from pathlib import Path
from index.gallery import Gallery
from index.storage.changes import Delete
gallery = Gallery.open(Path(sys.argv[1]), space_id=sys.argv[2])
for number in range(2, 2 + int(sys.argv[3])):
    gallery.change([Delete(f"{number:04d}")])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: Draw) -> Path:
    """A gallery with two changes in its snapshot, and five after it, in the write-ahead file of a killed process."""
    path = tmp_path / "gallery"
    build(draw(tmp_path / "images", 12), path, encoder, progress=quiet)
    gallery = opened(path, encoder)
    gallery.change([Delete("0000"), Delete("0001")])
    gallery.journal.close()
    compact(path, progress=quiet)
    space_id = encoder.manifest.space_id
    subprocess.run([sys.executable, "-c", KILLED, str(path), space_id, str(CHANGES)], cwd=ROOT, check=False)
    assert (path / WAL).stat().st_size > 0
    return path
