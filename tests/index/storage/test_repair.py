"""A repair gives up what is lost and nothing else, whatever is damaged, and says what it cannot know."""

import shutil
from pathlib import Path

import pytest

from index.__main__ import main
from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back
from index.storage import snapshot
from index.storage.changes import Delete
from index.storage.journal import Journal
from index.storage.repair import repair
from index.storage.snapshot import HIGH_WATER, JOURNAL
from models.encoder import Encoder
from models.errors import GalleryBroken, SnapshotOutdated
from tests.index.storage.conftest import CHANGES, WAL
from tests.index.storage.test_lost_changes import removed_journal, removed_wal
from tests.index.uploads import opened, quiet


def damaged_row(path: Path, seq: int, statement: str) -> None:
    with Journal.unchecked(path) as journal, journal._writing.transaction("IMMEDIATE") as connection:
        connection.execute(statement, (seq,))


def test_a_text_that_is_no_text_costs_its_own_change_alone(folder: Path, encoder: Encoder) -> None:
    damaged_row(folder, 5, "UPDATE change SET content = CAST(x'ff41' AS TEXT) WHERE seq = ?")
    with pytest.raises(GalleryBroken, match=r"change 5 .* index repair"):
        opened(folder, encoder)
    assert repair(folder).lost == [5]
    assert len(opened(folder, encoder).view()) == 10 - CHANGES + 1


@pytest.mark.parametrize("number", [10**7, 10**15])
def test_a_number_that_no_change_has_costs_neither_memory_nor_time(folder: Path, encoder: Encoder, number: int) -> None:
    damaged_row(folder, number, "UPDATE sqlite_sequence SET seq = ?")
    with pytest.raises(GalleryBroken, match=r"change 8 .* index repair"):
        opened(folder, encoder)
    repaired = repair(folder)
    assert (repaired.lost, repaired.last, repaired.known) == ([], 2 + CHANGES, True)
    assert len(opened(folder, encoder).view()) == 10 - CHANGES


def test_another_gallery_s_journal_is_noticed_before_the_first_change(folder: Path, encoder: Encoder) -> None:
    fresh = folder.with_name("fresh")
    build(folder.with_name("images"), fresh, encoder, progress=quiet)
    opened(fresh, encoder).journal.close()
    for name in (JOURNAL, WAL):
        (fresh / name).unlink(missing_ok=True)
        shutil.copy(folder / name, fresh / name)
    with pytest.raises(GalleryBroken, match="another gallery"):
        opened(fresh, encoder)


def test_an_emptied_journal_is_one_that_lost_its_changes(folder: Path, encoder: Encoder) -> None:
    (folder / WAL).unlink()
    (folder / JOURNAL).write_bytes(b"")
    with pytest.raises(GalleryBroken, match="ends with change 0, but 7 were made"):
        opened(folder, encoder)
    assert len(repair(folder).lost) == CHANGES


def test_a_repair_without_the_mark_does_not_promise_that_nothing_is_lost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    removed_wal(folder)
    (folder / HIGH_WATER).write_text("")
    assert main(["repair", str(folder)]) == 0
    assert "perhaps later ones" in capsys.readouterr().out


def test_a_snapshot_whose_changes_are_damaged_or_gone_is_not_rolled_back_to(folder: Path, encoder: Encoder) -> None:
    first = str(snapshot.folders(folder)[0].name)
    live = snapshot.current(folder)
    damaged_row(folder, 1, "UPDATE change SET checksum = checksum + 1 WHERE seq = ?")
    with pytest.raises(GalleryBroken, match="change 1 "):
        roll_back(folder, first)
    opened(folder, encoder).change([Delete("0010")])
    compact(folder, progress=quiet)  # whose cleaning may not read that change
    assert snapshot.current(folder) != live
    removed_journal(folder)
    repair(folder)
    for _ in range(2):
        with pytest.raises(SnapshotOutdated, match="roll back to a newer one"):
            roll_back(folder, first)
        assert len(opened(folder, encoder).view()) == 10 - CHANGES - 1
