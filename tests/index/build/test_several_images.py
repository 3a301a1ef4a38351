"""Builds of items with several images: what is left out, embedded again, resumed, exported and moved."""

import copy
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index import uploads
from index.__main__ import main
from index.build import dry_run, embed
from index.build.build import build
from index.build.compact import compact
from index.build.export import export
from index.build.publish import sweep
from index.build.snapshot_writer import Progress
from index.edits import Put, restate
from index.gallery import Gallery
from index.search.request import Hit, SearchRequest
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from models.arrays import Embeddings, Pixels
from models.encoder import Encoder
from models.errors import BundleBroken
from tests.index.uploads import PIXELS, apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

ITEMS: Mapping[str, Sequence[str]] = {
    "one": ["0000.png"],
    "two": ["0001.png", "0002.png"],
    "four": ["0003.png", "0004.png", "0005.png", "0006.png"],
}


@pytest.fixture
def pictures(tmp_path: Path, draw: "Draw") -> Path:
    return draw(tmp_path / "pictures", 8)


def table(pictures: Path, items: Mapping[str, Sequence[str]] = ITEMS) -> Path:
    path = pictures.parent / "table.jsonl"
    rows = ({"id": id, "images": [f"pictures/{name}" for name in names], "title": id} for id, names in items.items())
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def names(gallery: Gallery) -> dict[str, list[str]]:
    view = gallery.view()
    return {id: [Path(uri).name for uri in view.item(id).uris] for id in view.ids}


def first_hit(gallery: Gallery, image: bytes, encoder: Encoder) -> Hit:
    query = encoder.gallery(encoder.preprocess(image)[np.newaxis])
    (found,) = gallery.view().search(query, [SearchRequest(k=1)])
    return found.hits[0]


def check_images(gallery: Gallery, pictures: Path, encoder: Encoder, items: Mapping[str, Sequence[str]]) -> None:
    """Each image finds its item, and says that it is the image that matched."""
    assert names(gallery) == {id: list(of_item) for id, of_item in items.items()}
    for id, of_item in items.items():
        for number, name in enumerate(of_item):
            hit = first_hit(gallery, (pictures / name).read_bytes(), encoder)
            assert (hit.item.id, hit.image) == (id, number) and hit.score > 0.99


def test_every_image_of_a_table_is_found_and_known_to_the_next_build(
    pictures: Path, tmp_path: Path, encoder: Encoder
) -> None:
    gallery = tmp_path / "gallery"
    built = build(table(pictures), gallery, encoder, progress=quiet)
    assert (built.items, built.images, built.embedded, built.reused) == (3, 7, 7, 0)
    check_images(opened(gallery, encoder), pictures, encoder, ITEMS)
    again = build(table(pictures), gallery, encoder, progress=quiet)
    assert (again.snapshot, again.embedded, again.reused) == (built.snapshot, 0, 7)
    changed = {"one": ["0000.png", "0007.png"], "two": ["0002.png", "0001.png"], "four": ["0003.png"]}
    built = build(table(pictures, changed), gallery, encoder, progress=quiet)
    assert (built.images, built.embedded, built.reused) == (5, 1, 4)
    check_images(opened(gallery, encoder), pictures, encoder, changed)
    single = {id: of_item[:1] for id, of_item in ITEMS.items()}
    assert build(table(pictures, single), gallery, encoder, progress=quiet).embedded == 0
    assert snapshot.live_manifest(gallery).images is None
    check_images(opened(gallery, encoder), pictures, encoder, single)


def test_unusable_images_leave_their_items_the_others(
    pictures: Path, tmp_path: Path, encoder: Encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "0003.png").write_bytes(b"no image")
    (pictures / "0006.png").write_bytes((pictures / "0005.png").read_bytes())
    items = {**ITEMS, "gone": ["x.png", "y.png"]}
    expected = {**ITEMS, "four": ["0004.png", "0005.png"]}
    preview = dry_run.preview(str(table(pictures, items)), columns={})
    assert (preview.items, preview.images, sum(preview.refused.values())) == (3, 7, 1)
    gallery = tmp_path / "gallery"
    built = build(table(pictures, items), gallery, encoder, progress=quiet)
    assert [row.id for row in built.skipped] == ["gone"]
    assert (built.items, built.images) == (3, 5)
    assert any("'four'" in note and "0003.png" in note for note in built.notes)
    check_images(opened(gallery, encoder), pictures, encoder, expected)
    assert main(["inspect", str(gallery), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["items"], facts["images"]) == (3, 5)


def test_a_killed_build_continues_with_the_images_that_are_left(
    pictures: Path, tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "BATCH", 2)
    monkeypatch.setattr(embed, "CHUNK_IMAGES", 2)
    broken, calls = copy.copy(encoder), 0

    def gallery_of(pixels: Pixels) -> Embeddings:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise BundleBroken("the model is gone")
        return encoder.gallery(pixels)

    monkeypatch.setattr(broken, "gallery", gallery_of)
    with pytest.raises(BundleBroken):
        build(table(pictures), tmp_path / "gallery", broken, progress=quiet)
    built = build(table(pictures), tmp_path / "gallery", encoder, progress=quiet)
    assert (built.images, built.embedded, built.reused) == (7, 3, 4)
    check_images(opened(tmp_path / "gallery", encoder), pictures, encoder, ITEMS)


def test_edits_during_a_build_keep_their_images_and_the_sources(
    pictures: Path, tmp_path: Path, encoder: Encoder
) -> None:
    folder = tmp_path / "gallery"
    build(table(pictures), folder, encoder, progress=quiet)
    gallery = opened(folder, encoder)

    def meanwhile(progress: Progress) -> None:
        if progress.stage == "train" and progress.done == 0:
            edits = [Put("two", None, {"price": 3}, merge=True), Put("one", [picture(1), picture(2)], None)]
            assert apply(edits, gallery, encoder) == [None, None]

    changed = {**ITEMS, "two": ["0002.png", "0007.png"]}
    build(table(pictures, changed), folder, encoder, progress=meanwhile)
    for _ in range(2):
        again = opened(folder, encoder)
        assert names(again)["two"] == ["0002.png", "0007.png"]
        assert again.view().item("two").attributes == {"title": "two", "price": 3}
        for number, seed in enumerate((1, 2)):
            hit = first_hit(again, picture(seed), encoder)
            assert (hit.item.id, hit.image) == ("one", number)
        hit = first_hit(again, (pictures / "0007.png").read_bytes(), encoder)
        assert (hit.item.id, hit.image) == ("two", 1)
        compact(folder, progress=quiet)


def test_an_export_comes_back_with_all_images(pictures: Path, tmp_path: Path, encoder: Encoder) -> None:
    folder = tmp_path / "gallery"
    build(table(pictures), folder, encoder, progress=quiet)
    apply([Put("new", [picture(1), picture(2)], {"image_number": 5})], opened(folder, encoder), encoder)
    assert export(folder, tmp_path / "out") == 4
    build(tmp_path / "out", tmp_path / "copy", encoder, progress=quiet)
    there, back = opened(folder, encoder), opened(tmp_path / "copy", encoder)
    assert names(back) == names(there)
    for id in back.view().ids:
        assert back.view().item(id).attributes == there.view().item(id).attributes
        one, other = back.view().upsert(id), there.view().upsert(id)
        assert one is not None and other is not None
        for image, same in zip(one.images, other.images, strict=True):
            np.testing.assert_allclose(image.vector, same.vector, atol=2e-3)


def test_uploaded_images_stay_and_are_embedded_by_another_model(
    pictures: Path, tmp_path: Path, encoder: Encoder
) -> None:
    folder = tmp_path / "gallery"
    build(table(pictures), folder, encoder, progress=quiet)
    gallery = opened(folder, encoder)
    apply([Put("new", [picture(1), picture(2), picture(3)], {})], gallery, encoder)
    files = list((folder / uploads.FOLDER).glob("*/*"))
    for path in files:
        os.utime(path, (1, 1))
    for compacts in (False, True):
        if compacts:
            compact(folder, progress=quiet)
        assert isinstance(gallery.journal, Journal)
        sweep(folder, [each.name for each in snapshot.kept_snapshots(folder)], gallery.journal)
        assert len(list((folder / uploads.FOLDER).glob("*/*"))) == len(files) == 3
    other = copy.copy(encoder)
    other.manifest = encoder.manifest.model_copy(update={"space_id": "another"})
    apply([Put("late", [picture(4), picture(5)], {})], opened(folder, encoder), encoder)
    Path(opened(folder, encoder).view().item("late").uris[0]).unlink()
    gallery = opened(folder, encoder)
    assert restate(gallery.journal, other, max_pixels=PIXELS) == 0
    late = [entry.change for entry in gallery.journal.since(0) if entry.change.id == "late"][-1]
    assert isinstance(late, Upsert) and (len(late.images), late.space_id) == (1, "another")
    build(table(pictures), folder, other, max_loss=1, progress=quiet)
    hit = first_hit(opened(folder, other), (pictures / "0006.png").read_bytes(), encoder)
    assert (hit.item.id, hit.image) == ("four", 3)
