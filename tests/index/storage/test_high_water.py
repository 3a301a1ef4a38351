"""Searches notice every acknowledged change by the mark alone, whatever happens to the process that wrote it."""

import subprocess
import sys
from pathlib import Path

import pytest

from index.storage import high_water
from index.storage.changes import Delete
from index.storage.high_water import HighWater
from index.storage.journal import Journal
from index.storage.snapshot import HIGH_WATER
from models.encoder import Encoder
from models.errors import GalleryError
from tests.index.uploads import opened

ROOT = Path(__file__).parents[3]

# Killed when the change is committed, and neither marked nor acknowledged.
KILLED = """
import os, signal, sys
from pathlib import Path
from index.storage import high_water
from index.storage.changes import Delete
from index.storage.journal import Journal
high_water.advance = lambda *mark: os.kill(os.getpid(), signal.SIGKILL)
Journal.open(Path(sys.argv[1])).append([Delete(sys.argv[2])])
"""


def killed_before_the_mark(gallery: Path, id: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(gallery), id], cwd=ROOT, check=False)
    assert done.returncode == -9


def test_each_change_is_noticed_by_every_journal_that_is_open(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as writer, Journal.open(tmp_path) as reader:
        for number in range(1, 30):
            assert writer.append([Delete(str(number))]) == number
            assert (reader.acknowledged(), writer.acknowledged()) == (number, number)
            assert reader.acknowledged() == number  # by the bytes of the mark


@pytest.mark.parametrize("text", [None, "", "7", "half a line"])
def test_without_a_whole_mark_changes_are_noticed_by_the_journal(tmp_path: Path, text: str | None) -> None:
    with Journal.open(tmp_path) as writer, Journal.open(tmp_path) as reader:
        assert reader.acknowledged() == 0
        whole = (tmp_path / HIGH_WATER).read_bytes()
        writer.append([Delete("a")])
        (tmp_path / HIGH_WATER).unlink()
        if text is not None:
            (tmp_path / HIGH_WATER).write_text(text)
        assert reader.acknowledged() == 1
        (tmp_path / HIGH_WATER).write_bytes(whole)  # of before, as from a backup
        writer.append([Delete("b")])
        assert reader.acknowledged() == 2


def test_a_change_of_a_process_killed_before_its_mark_is_noticed_once_the_journal_is_opened(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as reader:
        reader.append([Delete("a")])
        assert reader.acknowledged() == 1
        killed_before_the_mark(tmp_path, "b")
        with Journal.open(tmp_path) as next_one:
            assert (next_one.acknowledged(), reader.acknowledged()) == (2, 2)
        assert high_water.read(tmp_path) == HighWater(reader.id, 2)


def test_an_edit_sees_changes_that_have_no_mark_yet(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    assert "0011" in gallery.view()
    killed_before_the_mark(folder, "0011")
    with gallery.transaction() as (view, _):
        assert "0011" not in view


def test_nothing_is_written_if_the_mark_cannot_be(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        (tmp_path / HIGH_WATER).unlink()
        (tmp_path / HIGH_WATER).mkdir()  # which not even root may write
        with pytest.raises(GalleryError, match="CHANGES cannot be written"):
            journal.append([Delete("a")])
        assert journal.last() == 0
