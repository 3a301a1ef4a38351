"""Edits while a build or another model comes: what they change stays, and the rest is the newest."""

import copy
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from index import edits
from index.build.build import build
from index.build.compact import compact
from index.build.snapshot_writer import Progress
from index.edits import Put
from index.gallery import Gallery
from index.search.request import SearchRequest
from index.storage.changes import Delete
from models.encoder import Encoder
from models.errors import GalleryError
from tests.index.conftest import Draw
from tests.index.uploads import PIXELS, apply, opened, picture, quiet


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: Draw) -> Path:
    build(draw(tmp_path / "pictures", 10), tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


def first_hit(gallery: Gallery, image: bytes, encoder: Encoder) -> str:
    query = encoder.gallery(encoder.preprocess(image)[np.newaxis])
    (found,) = gallery.view().search(query, [SearchRequest(k=1)])
    return found.hits[0].item.id


def priced(table: Path, price: int) -> Path:
    """A table of two items with that price."""
    rows = ({"id": f"{row}", "image": f"pictures/{row:04d}.png", "price": price, "stock": 9} for row in range(2))
    table.write_text("\n".join(map(json.dumps, rows)))
    return table


def test_an_edit_during_a_rebuild_keeps_what_the_source_says_of_the_rest(
    folder: Path, tmp_path: Path, encoder: Encoder
) -> None:
    table = priced(tmp_path / "t.jsonl", 10)
    build(table, folder, encoder, max_loss=1, progress=quiet)
    gallery = opened(folder, encoder)
    data = picture(5)

    def meanwhile(progress: Progress) -> None:
        if progress.stage == "train" and progress.done == 0:
            apply([Put("0", None, {"stock": 3, "sale": True}, merge=True), Put("1", [data], None)], gallery, encoder)

    (tmp_path / "pictures/0000.png").write_bytes(picture(6))
    build(priced(table, 20), folder, encoder, progress=meanwhile)
    for _ in range(2):
        view = opened(folder, encoder).view()
        assert view.item("0").attributes == {"price": 20, "stock": 3, "sale": True}
        assert view.item("1").attributes == {"price": 20, "stock": 9}
        assert Path(view.item("1").uri).read_bytes() == data
        for id, seed in (("0", 6), ("1", 5)):
            assert first_hit(opened(folder, encoder), picture(seed), encoder) == id
        compact(folder, progress=quiet)


def test_an_edit_waits_until_the_published_snapshot_is_opened(folder: Path, tmp_path: Path, encoder: Encoder) -> None:
    table = priced(tmp_path / "t.jsonl", 10)
    build(table, folder, encoder, max_loss=1, progress=quiet)
    serving = [opened(folder, encoder)]
    build(priced(table, 20), folder, encoder, progress=quiet)
    threading.Timer(0.5, lambda: serving.append(opened(folder, encoder))).start()
    stock = Put("0", None, {"stock": 3}, merge=True)
    assert edits.apply([stock], lambda: (encoder, serving[-1]), max_pixels=PIXELS) == [None]
    assert serving[-1].view().item("0").attributes == {"price": 20, "stock": 3}


def test_an_edit_is_refused_if_the_published_snapshot_is_never_opened(
    folder: Path, tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "SWAP_S", 0.1)
    gallery = opened(folder, encoder)
    build(priced(tmp_path / "t.jsonl", 10), folder, encoder, max_loss=1, progress=quiet)
    with pytest.raises(GalleryError, match="is live"):
        apply([Delete("0000")], gallery, encoder)
    assert opened(folder, encoder).changes == 0


def test_a_deletion_that_is_repeated_with_another_model_was_made(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    other = copy.copy(encoder)
    other.manifest = encoder.manifest.model_copy(update={"space_id": "another"})
    pairs = iter([(encoder, gallery), (other, gallery), (encoder, gallery), (encoder, gallery)])
    assert edits.apply([Delete("0003"), Delete("x")], lambda: next(pairs), max_pixels=PIXELS)[0] is None
    assert "0003" not in gallery.view()
