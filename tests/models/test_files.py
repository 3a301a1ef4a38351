"""Files and folders are there whole or not at all, and a lock ends with its process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models import files
from models.errors import JobRunning

BUSY = JobRunning("another build is running")

HOLD = """
import sys, time
from pathlib import Path
from models import files
from models.errors import JobRunning
with files.lock(Path(sys.argv[1]), timeout_s=0, busy=JobRunning("")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_file_is_replaced_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "name.json"
    files.write(path, "first")
    files.write(path, "zwölf".encode())
    assert path.read_text(encoding="utf-8") == "zwölf"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "name.json"
    files.write(path, "whole")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as part:
        part.write_text("ha")
        assert part.suffix == path.suffix
        assert files.is_temporary(part)
        raise ZeroDivisionError
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_never_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    with files.replacing(path) as first, files.replacing(path) as second:
        assert first != second
        first.write_bytes(b"1")
        second.write_bytes(b"2")
    assert path.read_bytes() == b"1"  # renamed last


def test_file_and_folder_are_synced_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "name", []
    monkeypatch.setattr(files, "sync", lambda synced_path: synced.append((synced_path, path.exists())))
    files.write(path, b"data")
    (part, before), (folder, after) = synced
    assert files.is_temporary(part)
    assert (before, folder, after) == (False, tmp_path, True)


def test_a_folder_appears_with_all_its_files_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.new_folder(tmp_path / "out"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with files.new_folder(tmp_path / "out") as folder:
        (folder / "deeper").mkdir()
        (folder / "deeper" / "file").write_text("data")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "deeper" / "file").read_text() == "data"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_lock_that_is_held_raises_the_error_of_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    with (
        files.lock(path, timeout_s=0, busy=BUSY),
        pytest.raises(JobRunning),
        files.lock(path, timeout_s=0.1, busy=BUSY),
    ):
        pass
    with files.lock(path, timeout_s=0, busy=BUSY):
        pass


def test_the_lock_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(JobRunning), files.lock(path, timeout_s=0, busy=BUSY):
            pass
        os.kill(child.pid, signal.SIGKILL)
    with files.lock(path, timeout_s=0, busy=BUSY):
        pass
