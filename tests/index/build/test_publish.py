"""What no kept snapshot needs is cleared away, and nothing that an item still has."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index import uploads
from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back, sweep
from index.edits import Put, restate
from index.gallery import Gallery
from index.storage import snapshot
from index.storage.changes import Change, Delete
from index.storage.journal import Journal
from index.storage.manifest import MANIFEST
from index.storage.read_only_journal import ReadOnlyJournal
from models.encoder import Encoder
from tests.index.uploads import PIXELS, apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: "Draw") -> Path:
    build(draw(tmp_path / "pictures", 3), tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


def put(folder: Path, encoder: Encoder, id: str, data: bytes) -> None:
    assert apply([Put(id, [data], {})], opened(folder, encoder), encoder) == [None]


def age(folder: Path) -> None:
    for path in (folder / uploads.FOLDER).glob("*/*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 2 * uploads.YOUNG_S))


def change_and_compact(folder: Path, encoder: Encoder, number: int) -> None:
    """Makes another snapshot, which takes a change."""
    gallery = opened(folder, encoder)
    upsert = gallery.view().upsert(gallery.view().ids[0])
    assert upsert is not None
    gallery.change([replace(upsert, item=replace(upsert.item, attributes={"number": number}))])
    compact(folder, progress=quiet)


def clear(folder: Path, gallery: Gallery) -> None:
    assert not isinstance(gallery.journal, ReadOnlyJournal)
    sweep(folder, [manifest.name for manifest in snapshot.kept_snapshots(folder)], gallery.journal)


def test_a_gallery_that_was_moved_keeps_and_finds_its_uploaded_pictures(
    folder: Path, tmp_path: Path, encoder: Encoder
) -> None:
    put(folder, encoder, "folded", picture(1))
    compact(folder, progress=quiet)
    put(folder, encoder, "journaled", picture(2))
    put(folder, encoder, "gone", picture(3))
    moved = tmp_path / "elsewhere" / "gallery"
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    age(moved)
    gallery = opened(moved, encoder)
    for number, id in enumerate(("folded", "journaled", "gone"), start=1):
        assert Path(gallery.view().item(id).uri).read_bytes() == picture(number)
    gallery.change([Delete("gone")])
    for number in range(snapshot.SNAPSHOTS_KEPT + 1):  # until nothing that is kept has what was deleted
        change_and_compact(moved, encoder, number)
    again = opened(moved, encoder)
    for number, id in enumerate(("folded", "journaled"), start=1):
        assert Path(again.view().item(id).uri).read_bytes() == picture(number)
    assert len(list((moved / uploads.FOLDER).glob("*/*"))) == 2


def test_a_new_model_embeds_the_pictures_of_a_gallery_that_was_moved(
    folder: Path, tmp_path: Path, encoder: Encoder
) -> None:
    put(folder, encoder, "new", picture(1))
    folder.rename(tmp_path / "moved")
    gallery = opened(tmp_path / "moved", encoder)
    before = gallery.view().upsert("new")
    assert before is not None
    with gallery.journal.transaction() as append:
        append([replace(before, space_id="another space")])
    assert restate(gallery.journal, encoder, max_pixels=PIXELS) == 0


def test_a_picture_that_is_put_again_while_a_sweep_goes_on_stays(
    folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, encoder, "a", picture(1))
    gallery = opened(folder, encoder)
    gallery.change([Delete("a")])
    for _ in range(snapshot.SNAPSHOTS_KEPT + 1):
        compact(folder, progress=quiet)
    age(folder)  # nothing has it any more, and the next sweep will take it away
    written = Gallery.change

    def swept_before(self: Gallery, changes: list[Change]) -> int:
        clear(folder, self)
        return written(self, changes)

    monkeypatch.setattr(Gallery, "change", swept_before)
    put(folder, encoder, "b", picture(1))
    assert Path(opened(folder, encoder).view().item("b").uri).read_bytes() == picture(1)


def test_nothing_is_forgotten_while_a_kept_snapshot_cannot_be_read(folder: Path, encoder: Encoder) -> None:
    oldest = folder / snapshot.SNAPSHOTS / snapshot.current(folder) / MANIFEST
    put(folder, encoder, "a", picture(1))
    path = Path(opened(folder, encoder).view().item("a").uri)
    opened(folder, encoder).change([Delete("a")])
    compact(folder, progress=quiet)
    facts = oldest.read_text()
    oldest.write_text(json.dumps(json.loads(facts) | {"schema_version": 9}))  # as of a newer likebut, say
    age(folder)
    compact(folder, progress=quiet)
    journal = opened(folder, encoder).journal
    assert isinstance(journal, Journal) and journal.pruned() == 0
    assert path.exists()
    oldest.write_text(facts)
    roll_back(folder, oldest.parent.name)
    assert "a" not in opened(folder, encoder).view()
    for number in range(snapshot.SNAPSHOTS_KEPT):
        change_and_compact(folder, encoder, number)
    journal = opened(folder, encoder).journal
    assert isinstance(journal, Journal) and journal.pruned() == 3
    assert not path.exists()


def test_no_picture_is_removed_while_the_items_of_a_kept_snapshot_are_damaged(folder: Path, encoder: Encoder) -> None:
    put(folder, encoder, "a", picture(1))
    path = Path(opened(folder, encoder).view().item("a").uri)
    compact(folder, progress=quiet)
    damaged = folder / snapshot.SNAPSHOTS / snapshot.current(folder) / snapshot.ITEMS
    opened(folder, encoder).change([Delete("a")])
    compact(folder, progress=quiet)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    age(folder)
    compact(folder, progress=quiet)
    assert path.exists()
    assert "a" not in opened(folder, encoder).view()


def sweep_all(folder: Path, gallery: Gallery) -> None:
    assert isinstance(gallery.journal, Journal)
    sweep(folder, [manifest.name for manifest in snapshot.kept_snapshots(folder)], gallery.journal, older_s=-1)


def test_an_uploaded_picture_goes_when_nothing_kept_has_it(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    apply([Put("a", [picture(1)], {}), Put("b", [picture(2)], {})], gallery, encoder)
    a, b = (Path(gallery.view().item(id).uri) for id in ("a", "b"))
    compact(folder, progress=quiet)
    apply([Delete("a")], opened(folder, encoder), encoder)
    for number in range(2):
        apply([Put("b", None, {"number": number})], opened(folder, encoder), encoder)
        compact(folder, progress=quiet)
        sweep_all(folder, gallery)
        assert a.exists() and b.exists()  # a snapshot that can be gone back to has both
    apply([Delete("0000")], opened(folder, encoder), encoder)
    compact(folder, progress=quiet)
    assert a.exists()  # young: an edit may have stored it and not yet written its change
    sweep_all(folder, gallery)
    assert b.exists() and not a.exists()
