"""The journal keeps the changes in order, forgets what a snapshot holds, and refuses what is not as it was written."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.items.items import GalleryItem
from index.storage.changes import Delete, Entry, Upsert
from index.storage.journal import Journal
from index.storage.journal_file import VERSION
from index.storage.snapshot import JOURNAL
from index.storage.sqlite import CHECKPOINT_BYTES
from models.errors import GalleryBroken, GalleryError, InputError, SnapshotOutdated

SPACE = "cd" * 32


def upsert(name: str, *, space: str = SPACE, dimension: int = 16) -> Upsert:
    vector = np.random.default_rng(len(name)).standard_normal(dimension).astype(np.float16)
    return Upsert(GalleryItem(name, f"/pictures/{name}.jpg", {"price": 1.5}), "ab" * 32, space, vector)


def told(entries: Sequence[Entry]) -> list[tuple[int, str, str]]:
    return [(entry.seq, type(entry.change).__name__, entry.change.id) for entry in entries]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as opened:
        yield opened


def flipped(path: Path, what: bytes) -> None:
    """Flips the lowest bit of the last byte of the first place where the file has `what`."""
    data = bytearray(path.read_bytes())
    data[data.index(what) + len(what) - 1] ^= 1
    path.write_bytes(bytes(data))


def test_changes_come_back_in_order_also_from_a_journal_that_is_opened_again(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert (journal.last(), journal.since(0), journal.append([])) == (0, [], 0)
        assert journal.append([upsert("a"), upsert("b")]) == 2
        assert journal.append([Delete("a")]) == 3
        everything = [(1, "Upsert", "a"), (2, "Upsert", "b"), (3, "Delete", "a")]
        assert told(journal.since(0)) == everything
    with Journal.open(tmp_path) as journal:
        assert told(journal.since(0)) == everything
        assert told(journal.since(2)) == everything[2:]
        assert (journal.last(), journal.since(3)) == (3, [])


def test_a_change_is_seen_by_another_journal_of_the_same_gallery(journal: Journal, tmp_path: Path) -> None:
    with Journal.open(tmp_path) as other:
        journal.append([upsert("a")])
        assert other.last() == 1
        other.append([Delete("a")])
        assert journal.last() == 2
        assert told(journal.since(1)) == [(2, "Delete", "a")]


def test_a_batch_with_one_bad_change_leaves_nothing(journal: Journal) -> None:
    bad = Upsert(GalleryItem("bad", "", {}), "", SPACE, np.full(16, np.inf, np.float16))
    with pytest.raises(InputError, match="'bad'"):
        journal.append([upsert("a"), bad])
    assert (journal.last(), journal.since(0)) == (0, [])
    assert journal.append([upsert("a")]) == 1


def test_pruned_changes_are_gone_and_who_needs_them_hears_of_it(journal: Journal, tmp_path: Path) -> None:
    journal.append([upsert(name) for name in "abcdef"])
    journal.prune(4)
    journal.prune(2)  # an older snapshot takes nothing back
    assert journal.pruned() == 4
    assert told(journal.since(4)) == [(5, "Upsert", "e"), (6, "Upsert", "f")]
    with Journal.open(tmp_path) as other:
        for seq in range(4):
            with pytest.raises(SnapshotOutdated, match="after 4"):
                other.since(seq)


def test_a_seq_never_comes_twice_even_when_everything_was_pruned_before_a_restart(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append([upsert(name) for name in "abc"])
        journal.prune(99)
        assert (journal.last(), journal.pruned(), journal.since(3)) == (3, 3, [])
    with Journal.open(tmp_path) as journal:
        assert journal.last() == 3
        assert journal.append([upsert("d")]) == 4
        assert told(journal.since(3)) == [(4, "Upsert", "d")]


def test_a_journal_that_ends_before_what_the_snapshot_holds_is_refused(journal: Journal) -> None:
    journal.append([upsert("a")])
    with pytest.raises(GalleryBroken, match="ends with change 1, but 5 were made"):
        journal.since(5)


def test_what_holds_of_another_space_is_found_and_restated(journal: Journal) -> None:
    journal.append([upsert("a", space="old"), upsert("b", space="old"), upsert("c", space="old"), upsert("d")])
    journal.append([Delete("a"), upsert("b", space="old"), upsert("b", space="old")])
    assert told(journal.foreign(SPACE)) == [(3, "Upsert", "c"), (7, "Upsert", "b")]
    fresh = np.arange(32).astype(np.float16)
    restated = {3: ("c", fresh), 7: ("b", fresh + 1), 5: ("a", fresh), 99: ("z", fresh)}
    journal.restate({seq: replace(upsert(name), vector=vector) for seq, (name, vector) in restated.items()})
    assert journal.foreign(SPACE) == []
    entries = journal.since(0)
    assert len(entries) == journal.last() == 7
    assert isinstance(entries[4].change, Delete)
    for seq, vector in ((3, fresh), (7, fresh + 1)):
        change = entries[seq - 1].change
        assert isinstance(change, Upsert)
        assert (change.space_id, change.item.attributes, change.content) == (SPACE, {"price": 1.5}, "ab" * 32)
        np.testing.assert_array_equal(change.vector, vector)


def test_a_restatement_with_one_bad_vector_changes_nothing(journal: Journal) -> None:
    journal.append([upsert("a", space="old"), upsert("b", space="old")])
    with pytest.raises(InputError, match="'b'"):
        journal.restate({1: upsert("a"), 2: replace(upsert("b"), vector=np.full(8, np.nan, np.float16))})
    assert told(journal.foreign(SPACE)) == [(1, "Upsert", "a"), (2, "Upsert", "b")]


def test_a_flipped_bit_of_a_vector_is_found_by_file_and_seq(tmp_path: Path) -> None:
    change = upsert("b", dimension=512)
    with Journal.open(tmp_path) as journal:
        journal.append([upsert("a"), change, upsert("c")])
    flipped(tmp_path / JOURNAL, change.vector.tobytes())
    with Journal.open(tmp_path) as journal:
        assert told(journal.since(2)) == [(3, "Upsert", "c")]
        with pytest.raises(GalleryBroken, match=r"change 2 of .*journal\.sqlite is damaged"):
            journal.since(0)
        with pytest.raises(GalleryBroken, match="change 2"):
            journal.foreign("another")


def test_a_change_that_went_missing_is_found(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append([upsert(name) for name in "abcde"])
        for seq in (3, 5):
            with sqlite3.connect(tmp_path / JOURNAL) as raw:
                raw.execute("DELETE FROM change WHERE seq = ?", (seq,))
            with pytest.raises(GalleryBroken, match=r"change 3 .* is damaged \(it is missing"):
                journal.since(0)
        with pytest.raises(GalleryBroken, match="change 5"):
            journal.since(3)


@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, kept: float) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append([upsert(str(number), dimension=512) for number in range(100)])
    path = tmp_path / JOURNAL
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(GalleryBroken, match=r"journal\.sqlite is damaged .* index repair"):
        Journal.open(tmp_path)


def test_a_page_of_noise_is_refused_by_name(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append([upsert(str(number), dimension=512) for number in range(100)])
    path = tmp_path / JOURNAL
    data = bytearray(path.read_bytes())
    data[4096:8192] = np.random.default_rng(0).bytes(4096)
    path.write_bytes(bytes(data))
    with pytest.raises(GalleryBroken, match=r"journal\.sqlite is damaged"):
        Journal.open(tmp_path)


def test_what_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_text("no database, and long enough to be taken for the header of one" * 20)
    with pytest.raises(GalleryBroken, match=r"journal\.sqlite is damaged"):
        Journal.open(tmp_path)
    path.unlink()
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE orders (id)")
    raw.commit()
    raw.close()
    before = path.read_bytes()
    with pytest.raises(GalleryBroken, match="something else"):
        Journal.open(tmp_path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    raw = sqlite3.connect(tmp_path / JOURNAL)
    raw.execute(f"PRAGMA user_version = {VERSION + 1}")
    raw.close()
    with pytest.raises(GalleryBroken, match=f"version {VERSION + 1}.*update likebut"):
        Journal.open(tmp_path)


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(GalleryError, match=r"journal\.sqlite cannot be written"):
        Journal.open(tmp_path)


def test_an_append_that_others_hold_up_for_too_long_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path, busy_s=0.05) as journal:
        other = sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryError, match="held by others"):
            journal.append([upsert("a")])
        assert (journal.last(), journal.since(0)) == (0, [])  # nobody who reads is held up
        other.execute("ROLLBACK")
        other.close()
        assert journal.append([upsert("a")]) == 1


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.close()
    with pytest.raises(GalleryError, match="closed"):
        journal.last()


def test_the_write_ahead_file_is_carried_over_before_it_grows_large(journal: Journal, tmp_path: Path) -> None:
    batch = [upsert(str(number), dimension=2048) for number in range(200)]
    for _ in range(8):
        journal.append(batch)
        assert (tmp_path / f"{JOURNAL}-wal").stat().st_size < CHECKPOINT_BYTES
    assert (tmp_path / JOURNAL).stat().st_size > CHECKPOINT_BYTES
    assert len(journal.since(0)) == journal.last() == 1600


def test_many_threads_append_and_read_at_once(journal: Journal) -> None:
    def write(thread: int) -> None:
        for number in range(10):
            names = [f"{thread}-{number}-{part}" for part in range(3)]
            last = journal.append([upsert(name, dimension=512) for name in names])
            found = told(journal.since(last - 3))[:3]
            assert found == [(last - 2 + part, "Upsert", name) for part, name in enumerate(names)]

    def read() -> None:
        while (last := journal.last()) < 120:
            assert len(journal.since(0)) >= last

    with ThreadPoolExecutor(6) as threads:
        for work in [threads.submit(read) for _ in range(2)] + [threads.submit(write, thread) for thread in range(4)]:
            work.result(timeout=60)
    assert sorted(entry.change.id for entry in journal.since(0)) == sorted(
        f"{thread}-{number}-{part}" for thread in range(4) for number in range(10) for part in range(3)
    )
