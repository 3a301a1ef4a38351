"""A journal that lost acknowledged changes is refused until they are given up, whatever was done to its files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from index.__main__ import main
from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back
from index.gallery import Gallery
from index.items.items import GalleryItem
from index.storage import high_water, snapshot
from index.storage.changes import Delete, Upsert
from index.storage.journal import Journal
from index.storage.repair import repair
from index.storage.snapshot import HIGH_WATER, JOURNAL
from models.encoder import Encoder
from models.errors import GalleryBroken, GalleryMoved
from tests.index.storage.conftest import CHANGES
from tests.index.uploads import opened, quiet

ROOT = Path(__file__).parents[3]
WAL = f"{JOURNAL}-wal"


def frames(path: Path) -> list[int]:
    """Return the offset of each frame in a write-ahead file."""
    return list(range(32, (path / WAL).stat().st_size, 24 + 4096))


def removed_wal(path: Path) -> None:
    (path / WAL).unlink()


def cut_wal(path: Path) -> None:
    with (path / WAL).open("r+b") as file:
        file.truncate(frames(path)[-1] + 100)


def emptied_wal(path: Path) -> None:
    (path / WAL).write_bytes(b"")


def flipped_wal(path: Path) -> None:
    data = bytearray((path / WAL).read_bytes())
    data[frames(path)[-1] + 1000] ^= 1
    (path / WAL).write_bytes(data)


def flipped_header(path: Path) -> None:
    data = bytearray((path / WAL).read_bytes())
    data[10] ^= 1
    (path / WAL).write_bytes(data)


def removed_journal(path: Path) -> None:
    for file in path.glob("journal*"):
        file.unlink()


def foreign_journal(path: Path) -> None:
    removed_journal(path)
    other = path.parent / "other"
    shutil.copytree(path, other, ignore=lambda folder, names: [HIGH_WATER] if HIGH_WATER in names else [])
    with Journal.unchecked(other) as journal:
        item = GalleryItem("foreign", "", {})
        vector = np.ones(16, np.float16)
        journal.append([Upsert(item, "", "another space", vector)] * 50)
    shutil.copy(other / JOURNAL, path / JOURNAL)


DAMAGES = [removed_wal, cut_wal, emptied_wal, flipped_wal, flipped_header, removed_journal, foreign_journal]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_journal_behind_what_was_acknowledged_is_refused_everywhere(
    folder: Path, encoder: Encoder, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    damage(folder)
    live = snapshot.current(folder)
    for _ in range(2):  # what refuses it must not make it look whole
        with pytest.raises(GalleryBroken, match=r"journal\.sqlite .*`likebut index repair .*`"):
            opened(folder, encoder)
    with pytest.raises(GalleryBroken, match="index repair"):
        Gallery.salvage(folder, space_id=encoder.manifest.space_id)
    with pytest.raises(GalleryBroken, match="index repair"):
        build(tmp_path / "images", folder, encoder, progress=quiet)
    with pytest.raises(GalleryBroken, match="index repair"):
        compact(folder, progress=quiet)
    assert snapshot.current(folder) == live


@pytest.mark.parametrize("damage", DAMAGES[:-1])
def test_a_repair_gives_up_the_lost_changes_and_no_other(
    folder: Path, encoder: Encoder, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    lost = 1 if damage in (cut_wal, flipped_wal) else CHANGES
    assert main(["repair", str(folder)]) == 0
    assert f"{lost} changes are given up" in capsys.readouterr().out
    gallery = opened(folder, encoder)
    given_up = [f"{number:04d}" for number in range(2 + CHANGES - lost, 2 + CHANGES)]
    assert sorted(gallery.view().ids) == [*given_up, *(f"{number:04d}" for number in range(2 + CHANGES, 12))]
    assert gallery.change([Delete("0011")]) == 2 + CHANGES + 1  # no number comes twice
    gallery.journal.close()
    assert "0011" not in opened(folder, encoder).view()
    assert repair(folder).lost == []


def test_a_foreign_journal_is_moved_away_before_the_repair(folder: Path, encoder: Encoder) -> None:
    foreign_journal(folder)
    with pytest.raises(GalleryBroken, match="another gallery"):
        repair(folder)
    (folder / JOURNAL).rename(folder / "foreign.sqlite")
    assert len(repair(folder).lost) == CHANGES
    assert len(opened(folder, encoder).view()) == 10


def test_a_damaged_change_alone_is_given_up(folder: Path, encoder: Encoder) -> None:
    with Journal.open(folder) as journal:
        journal.append([Upsert(GalleryItem("x", "", {}), "", encoder.manifest.space_id, np.ones(256, np.float16))])
        with journal._writing.transaction("IMMEDIATE") as connection:
            connection.execute("UPDATE change SET content = 'changed' WHERE id = 'x'")
    with pytest.raises(GalleryBroken, match=r"change 8 .* index repair"):
        opened(folder, encoder)
    assert repair(folder).lost == [8]
    assert len(opened(folder, encoder).view()) == 10 - CHANGES


def test_an_older_gallery_and_a_backup_have_no_mark_and_get_one(folder: Path, encoder: Encoder) -> None:
    with Journal.open(folder) as journal, journal._writing.transaction("IMMEDIATE") as connection:
        connection.execute("DROP TABLE identity")
    (folder / HIGH_WATER).unlink()
    opened(folder, encoder).journal.close()
    mark = high_water.read(folder)
    assert mark is not None and mark.seq == 2 + CHANGES
    removed_journal(folder)
    (folder / HIGH_WATER).unlink()
    with pytest.raises(GalleryBroken, match="ends with change 0, but 2 were made"):  # by the snapshot's manifest
        opened(folder, encoder)


def test_a_damaged_mark_is_refused_and_written_anew(folder: Path, encoder: Encoder) -> None:
    (folder / HIGH_WATER).write_text("7")
    with pytest.raises(GalleryBroken, match=r"CHANGES is damaged.*index repair"):
        opened(folder, encoder)
    assert repair(folder).lost == []
    assert len(opened(folder, encoder).view()) == 10 - CHANGES


def test_a_mark_with_another_number_is_damaged(folder: Path, encoder: Encoder) -> None:
    text = (folder / HIGH_WATER).read_text()
    (folder / HIGH_WATER).write_text(text.replace(" 0", " 1", 1))
    with pytest.raises(GalleryBroken, match=r"CHANGES is damaged.*index repair"):
        opened(folder, encoder)
    assert repair(folder).lost == []  # and does not make up a change for each number up to there
    assert len(opened(folder, encoder).view()) == 10 - CHANGES


def test_a_mark_that_is_damaged_while_the_gallery_is_open_refuses_changes(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    mark = (folder / HIGH_WATER).read_text()
    (folder / HIGH_WATER).write_text("")
    with pytest.raises(GalleryBroken, match="CHANGES is damaged"):
        gallery.change([Delete("0011")])
    assert "0011" in gallery.view()
    (folder / HIGH_WATER).write_text(mark)
    gallery.change([Delete("0011")])
    assert "0011" not in gallery.view()


def test_a_repair_leaves_what_older_snapshots_need(folder: Path, encoder: Encoder) -> None:
    before = snapshot.current(folder)
    compact(folder, progress=quiet)  # through change 7
    with Journal.unchecked(folder) as journal, journal._writing.transaction("IMMEDIATE") as connection:
        connection.execute("DELETE FROM change WHERE seq > 5")
        connection.execute("UPDATE sqlite_sequence SET seq = 5")
    with pytest.raises(GalleryBroken, match="ends with change 5, but 7 were made"):
        opened(folder, encoder)
    assert repair(folder).lost == []  # the live snapshot has them
    assert len(opened(folder, encoder).view()) == 10 - CHANGES
    roll_back(folder, before)
    assert sorted(opened(folder, encoder).view().ids) == [f"{number:04d}" for number in range(5, 12)]


def moved(path: Path) -> None:
    path.rename(path.with_name("moved"))


def replaced(path: Path) -> None:
    moved(path)
    shutil.copytree(path.with_name("moved"), path)


def without_journal(path: Path) -> None:
    (path / JOURNAL).unlink()


@pytest.mark.parametrize("harm", [moved, shutil.rmtree, replaced, without_journal, removed_wal])
def test_a_gallery_that_is_no_longer_at_its_path_is_not_written(
    folder: Path, encoder: Encoder, harm: Callable[[Path], None]
) -> None:
    gallery = opened(folder, encoder)
    gallery.change([Delete("0009")])
    harm(folder)
    with pytest.raises(GalleryMoved, match="moved, removed or replaced"):
        gallery.change([Delete("0010")])
    assert harm is replaced or not (folder / HIGH_WATER).exists() or harm in (without_journal, removed_wal)
    if harm is moved:
        folder.with_name("moved").rename(folder)
        gallery.change([Delete("0010")])
        assert "0010" not in opened(folder, encoder).view()
