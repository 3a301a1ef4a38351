"""Two writers of one gallery: no acknowledged edit is undone by one that read the item before."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from index.build.build import build
from index.edits import Edit, Problem, Put
from index.gallery import Gallery
from index.storage.changes import Delete
from models.encoder import Encoder
from models.errors import UnknownItem
from tests.index.uploads import apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

RACES = 40


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: "Draw") -> Path:
    build(draw(tmp_path / "images", RACES), tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


def test_a_deletion_is_never_undone_by_a_put_of_attributes(folder: Path, encoder: Encoder) -> None:
    galleries = [opened(folder, encoder), opened(folder, encoder)]  # each with connections of its own, as a process has
    ids = list(galleries[0].view().ids)
    barrier = Barrier(2)

    def raced(edit: Edit, gallery: Gallery) -> list[Problem | None]:
        barrier.wait(timeout=30)
        return apply([edit], gallery, encoder)

    with ThreadPoolExecutor(2) as threads:
        for id in ids:
            put = threads.submit(raced, Put(id, None, {"price": 1}), galleries[0])
            deletion = threads.submit(raced, Delete(id), galleries[1])
            assert deletion.result(timeout=30) == [None]
            (problem,) = put.result(timeout=30)
            assert problem is None or isinstance(problem, UnknownItem)
    assert all(id not in gallery.view() for id in ids for gallery in (*galleries, opened(folder, encoder)))


def test_no_merge_loses_what_another_merged(folder: Path, encoder: Encoder) -> None:
    galleries = [opened(folder, encoder), opened(folder, encoder)]
    ids = list(galleries[0].view().ids)
    barrier = Barrier(2)

    def merge(name: str, gallery: Gallery) -> None:
        for number, id in enumerate(ids):
            barrier.wait(timeout=30)
            assert apply([Put(id, None, {name: number}, merge=True)], gallery, encoder) == [None]

    with ThreadPoolExecutor(2) as threads:
        for result in [
            threads.submit(merge, name, each) for name, each in zip(("price", "stock"), galleries, strict=True)
        ]:
            result.result(timeout=60)
    merged = {id: opened(folder, encoder).view().item(id).attributes for id in ids}
    assert merged == {id: {"price": number, "stock": number} for number, id in enumerate(ids)}


def test_a_transaction_holds_off_every_other_writer(folder: Path, encoder: Encoder) -> None:
    one, other = opened(folder, encoder), opened(folder, encoder)
    with ThreadPoolExecutor(1) as threads:
        with one.transaction() as (view, change):
            put = threads.submit(apply, [Put("0003", [picture(1)], {"price": 1})], other, encoder)
            threads.submit(apply, [Delete("0004")], other, encoder)
            before = view.upsert("0003")
            assert before is not None and not put.done()
            change([before, Delete("0003")])
        assert put.result(timeout=30) == [None]
    assert one.view().item("0003").attributes == {"price": 1}  # as if it had come after
    assert "0004" not in one.view()
