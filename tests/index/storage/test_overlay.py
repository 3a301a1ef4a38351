"""The delta against a dictionary: the same items, the same hits, and a view that nothing later changes."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from index.items.items import GalleryItem
from index.storage.changes import Change, Delete, Entry, Upsert, Vector
from index.storage.overlay import CAPACITY, Overlay, OverlayState
from models.arrays import normalised
from models.errors import SpaceMismatch

DIMENSION = 24
SNAPSHOT = {f"s{row}": row for row in range(40)}
QUERIES = normalised(np.random.default_rng(9).standard_normal((3, DIMENSION)).astype(np.float32))


def upsert(id: str, seed: int) -> Upsert:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION)
    vector /= np.linalg.norm(vector)
    return Upsert(GalleryItem(id, "", {"seed": seed}), "ab", "cd", vector.astype(np.float16))


def opened(through: int = 0) -> Overlay:
    return Overlay(SNAPSHOT, {}, dimension=DIMENSION, through=through)


def numbered(*changes: Change, after: int = 0) -> list[Entry]:
    return [Entry(seq, change) for seq, change in enumerate(changes, start=after + 1)]


def random_changes(count: int, seed: int) -> list[Change]:
    generator = np.random.default_rng(seed)
    names = [*SNAPSHOT, *(f"n{number}" for number in range(60))]
    ids = generator.choice(names, size=count).tolist()
    return [
        Delete(id) if chance < 0.3 else upsert(id, n)
        for n, (id, chance) in enumerate(zip(ids, generator.random(count), strict=True))
    ]


def check(view: OverlayState, snapshot: set[str], changed: Mapping[str, Upsert]) -> None:
    """The view has exactly the snapshot's items of these ids and these upserts."""
    assert len(view.alive) == view.start + view.count
    assert len(view.alive) - view.dead == view.alive.sum() == len(snapshot) + len(changed)
    for id, position in SNAPSHOT.items():
        assert view.alive[position] == (id in snapshot)
        if id in snapshot:
            assert view.row(id) == position
        elif id not in changed:
            assert view.row(id) is None
    rows: dict[int, Upsert] = {}
    for id, change in changed.items():
        row = view.row(id)
        assert row is not None
        assert row >= view.start
        assert view.alive[row]
        assert view.item(row) == change.item
        rows[row] = change
    check_search(view, {row: change.vector for row, change in rows.items()})


def check_search(view: OverlayState, vectors: Mapping[int, Vector]) -> None:
    rows = sorted(vectors)
    all_vectors = np.array([vectors[row] for row in rows], dtype=np.float64).reshape(-1, DIMENSION)
    true = QUERIES @ (all_vectors / np.linalg.norm(all_vectors, axis=1, keepdims=True)).T  # (B, n)
    for k in (1, 7, 1000):
        scores, found = view.search(QUERIES, k)
        assert scores.shape == found.shape == (len(QUERIES), min(k, len(vectors)))
        np.testing.assert_allclose(scores, -np.sort(-true, axis=1)[:, :k], atol=2e-6)
        for values, of_query, hits in zip(scores, true, found.tolist(), strict=True):
            assert len(set(hits)) == len(hits)
            np.testing.assert_allclose(values, [of_query[rows.index(row)] for row in hits], atol=2e-6)


@pytest.mark.parametrize("size", [1, 7, 400])
def test_random_changes_in_batches_of_any_size_leave_what_a_dictionary_has(size: int) -> None:
    changes = random_changes(800, seed=size)
    delta = opened()
    snapshot, changed = set(SNAPSHOT), dict[str, Upsert]()
    check(delta.state, snapshot, changed)
    for start in range(0, len(changes), size):
        batch = changes[start : start + size]
        view = delta.apply(numbered(*batch, after=start))
        assert view is delta.state
        assert view.through == start + len(batch)
        for change in batch:
            snapshot.discard(change.id)
            changed.pop(change.id, None)
            if isinstance(change, Upsert):
                changed[change.id] = change
        if start // size % 20 == 0 or start + size >= len(changes):
            check(view, snapshot, changed)
    assert size > 1 or view.count > CAPACITY  # grown


def test_an_upsert_takes_the_next_row_and_kills_the_older_one() -> None:
    delta = opened()
    first = delta.apply(numbered(upsert("s3", 1), upsert("new", 2)))
    assert (first.row("s3"), first.row("new"), first.dead, first.count) == (40, 41, 1, 2)
    second = delta.apply(numbered(upsert("s3", 3), Delete("new"), Delete("unknown"), after=2))
    assert (second.row("s3"), second.row("new"), second.dead, second.count) == (42, None, 3, 3)
    assert second.item(42).attributes == {"seed": 3}
    assert np.flatnonzero(~second.alive).tolist() == [3, 40, 41]
    assert delta.apply(numbered(upsert("new", 4), after=5)).row("new") == 43


def test_a_value_of_another_type_is_missing_to_filters_and_stays_with_its_item() -> None:
    vector = upsert("a", 1).vector
    changes = [Upsert(GalleryItem(id, "", {"seed": value}), "", "", vector) for id, value in (("a", "x"), ("b", 2))]
    view = Overlay(SNAPSHOT, {"seed": "integer"}, dimension=DIMENSION, through=0).apply(numbered(*changes))
    assert [view.columns.at(row) for row in range(2)] == [{}, {"seed": 2}]
    assert view.item(40).attributes == {"seed": "x"}


def test_a_replay_changes_nothing() -> None:
    changes = random_changes(60, seed=1)
    delta = opened()
    view = delta.apply(numbered(*changes))
    assert delta.apply(numbered(*changes)) is view
    assert delta.apply(numbered(*changes[20:40], after=20)) is view
    more = delta.apply([*numbered(*changes), *numbered(upsert("late", 99), after=60)])
    assert (more.through, more.count, more.row("late")) == (61, view.count + 1, 40 + view.count)


def test_what_the_snapshot_holds_already_is_passed_over() -> None:
    delta = opened(through=2)
    view = delta.apply(numbered(Delete("s1"), Delete("s2"), Delete("s3")))
    assert (view.row("s1"), view.row("s2"), view.row("s3")) == (1, 2, None)


def test_twins_come_in_the_order_of_their_rows_and_a_mask_leaves_some_out() -> None:
    twin = upsert("twin", 5)
    changes = [Upsert(GalleryItem(f"n{number}", "", {}), "", "", twin.vector) for number in range(30)]
    view = opened().apply(numbered(*changes, upsert("other", 6)))
    _, rows = view.search(twin.vector[None].astype(np.float32), 12)
    assert rows.tolist() == [list(range(40, 52))]
    mask = np.arange(31) % 3 == 2
    scores, rows = view.search(twin.vector[None].astype(np.float32), 12, mask)
    assert rows.tolist() == [[42, 45, 48, 51, 54, 57, 60, 63, 66, 69]]
    np.testing.assert_allclose(scores, 1, atol=1e-3)
    scores, rows = view.search(QUERIES, 5, np.zeros(31, dtype=np.bool_))
    assert scores.shape == rows.shape == (3, 0)


def test_a_vector_of_another_dimension_is_refused_and_nothing_changes() -> None:
    delta = opened()
    before = delta.apply(numbered(upsert("a", 1)))
    wide = Upsert(GalleryItem("b", "", {}), "", "", np.ones(DIMENSION + 1, np.float16))
    with pytest.raises(SpaceMismatch, match=r"'b' has 25 dimensions instead of 24"):
        delta.apply(numbered(upsert("a", 2), wide, after=1))
    assert delta.state is before
    assert delta.apply(numbered(upsert("a", 2), Delete("b"), after=1)).item(41).attributes == {"seed": 2}


def test_a_view_cannot_be_written_to() -> None:
    view = opened().apply(numbered(upsert("a", 1)))
    for array in (view.alive, view.vectors):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_readers_find_every_view_as_it_was_made_while_changes_go_on() -> None:
    changes = random_changes(600, seed=3)
    changes = [upsert(change.id, n) if n < 300 else change for n, change in enumerate(changes)]
    delta = opened()
    done = threading.Event()
    seen: set[int] = set()

    def oracle(through: int) -> dict[str, int]:
        """The seed of each changed item that lives after so many changes."""
        newest = {change.id: change for change in changes[:through]}
        return {id: int(str(c.item.attributes["seed"])) for id, c in newest.items() if isinstance(c, Upsert)}

    def read() -> None:
        kept: list[tuple[OverlayState, np.ndarray]] = []
        while not done.is_set() or len(kept) < 5:
            view = delta.state
            seen.add(view.through)
            truth = oracle(view.through)
            _, rows = view.search(QUERIES, view.count or 1)
            for found in rows.tolist():
                assert {view.item(row).id: view.item(row).attributes["seed"] for row in found} == truth
            assert all((view.row(id) is not None) == (id in truth) for id in (f"n{number}" for number in range(60)))
            kept.append((view, rows))
        for view, rows in kept[::10]:
            again = view.search(QUERIES, view.count or 1)[1]
            np.testing.assert_array_equal(again, rows)

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        try:
            for start in range(0, len(changes), 10):
                delta.apply(numbered(*changes[start : start + 10], after=start))
                done.wait(0.001)
        finally:
            done.set()
        for reader in readers:
            reader.result(timeout=60)
    assert len(seen) > 10  # or nobody read while changes were applied
