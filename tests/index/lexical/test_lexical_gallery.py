"""The lexical index of a gallery: built with the snapshot, current after every change, there for older snapshots."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back
from index.gallery import Gallery
from index.items.items import GalleryItem
from index.lexical.words import DEFAULT_NAMES
from index.storage import manifest as manifests
from index.storage import snapshot
from index.storage.changes import Change, Delete, Upsert
from models import files
from models.encoder import Encoder
from models.errors import GalleryBroken

if TYPE_CHECKING:
    from tests.index.conftest import Draw

COUNT = 12


def quiet(_: object) -> None:
    """A progress report that goes nowhere."""


@pytest.fixture
def source(tmp_path: Path, draw: "Draw") -> Path:
    images = sorted(draw(tmp_path / "images", COUNT).iterdir())
    with (tmp_path / "items.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "title", "material"])
        for number, image in enumerate(images):
            writer.writerow([f"i{number}", image, f"Lamp number {number}", "oak" if number % 2 else "steel"])
    return tmp_path / "items.csv"


def found(gallery: Gallery, text: str) -> Sequence[str]:
    """The ids of the matches of a text, sorted."""
    rows = gallery.view().rows
    matches = rows.candidates(None).matches(text)
    return sorted(rows.item(row).id for row in matches.rows.tolist())


def opened(path: Path, encoder: Encoder) -> Gallery:
    return Gallery.open(path, space_id=encoder.manifest.space_id)


def put(encoder: Encoder, id: str, **attributes: str) -> Change:
    vector = np.ones(encoder.manifest.dimension, np.float16)
    return Upsert(GalleryItem(id, f"{id}.png", attributes), "", encoder.manifest.space_id, vector)


def without_lexical(path: Path) -> None:
    """Makes the live snapshot one of a version without lexical indexes."""
    live = snapshot.live(path)
    facts = live.manifest.model_copy(
        update={
            "lexical": None,
            "files": tuple(entry for entry in live.manifest.files if entry.file != snapshot.LEXICAL),
        }
    )
    (live.path / snapshot.LEXICAL).unlink()
    files.write(live.path / manifests.MANIFEST, manifests.dump(facts))
    assert "lexical" not in (live.path / manifests.MANIFEST).read_text()


def test_a_build_indexes_the_usual_attributes(tmp_path: Path, source: Path, encoder: Encoder) -> None:
    build(source, tmp_path / "gallery", encoder, progress=quiet)
    gallery = opened(tmp_path / "gallery", encoder)
    assert gallery.manifest.lexical == DEFAULT_NAMES
    assert found(gallery, "lamp number 7") and found(gallery, "i7") == ["i7"] and found(gallery, "oak") == []


def test_chosen_attributes_are_indexed_until_others_are_chosen(tmp_path: Path, source: Path, encoder: Encoder) -> None:
    path = tmp_path / "gallery"
    build(source, path, encoder, lexical=["Material"], progress=quiet)
    again = build(source, path, encoder, progress=quiet)
    gallery = opened(path, encoder)
    assert again.snapshot == gallery.manifest.name and gallery.manifest.lexical == ("material",)
    assert len(found(gallery, "oak")) == COUNT // 2 and found(gallery, "lamp") == []
    other = build(source, path, encoder, lexical=["title"], progress=quiet)
    assert other.snapshot != again.snapshot
    assert found(opened(path, encoder), "oak") == []


def test_changes_are_found_at_once_and_after_a_compaction(tmp_path: Path, source: Path, encoder: Encoder) -> None:
    path = tmp_path / "gallery"
    build(source, path, encoder, progress=quiet)
    gallery = opened(path, encoder)
    before = gallery.view().rows
    gallery.change([put(encoder, "new", title="Zebra lamp"), put(encoder, "i3", title="Zebra chair"), Delete("i5")])

    def check(gallery: Gallery) -> None:
        assert found(gallery, "zebra") == ["i3", "new"]
        assert found(gallery, "Zebra lamp")[-1] == "new"
        assert found(gallery, "lamp number 3") != [] and "i3" not in found(gallery, "lamp number 3")
        assert found(gallery, "i5") == [] and "i5" not in found(gallery, "lamp")

    check(gallery)
    assert len(before.candidates(None).matches("zebra").rows) == 0  # an older view
    check(opened(path, encoder))  # of another process
    gallery.change([put(encoder, "new", title="Lion lamp")])
    assert found(gallery, "zebra") == ["i3"] and found(gallery, "lion") == ["new"]
    gallery.change([put(encoder, "new", title="Zebra lamp")])
    compact(path, progress=quiet)
    check(opened(path, encoder))


def test_a_snapshot_without_a_lexical_index_opens_and_is_searched(
    tmp_path: Path, source: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gallery"
    build(source, path, encoder, progress=quiet)
    without_lexical(path)
    gallery = opened(path, encoder)
    assert gallery.manifest.lexical is None and found(gallery, "i7") == ["i7"]
    gallery.change([put(encoder, "new", title="Zebra lamp")])
    assert found(gallery, "zebra") == ["new"]
    monkeypatch.setattr("index.lexical.lexical_index.MOST_IN_MEMORY", COUNT - 1)
    large = opened(path, encoder)
    assert found(large, "i7") == [] == found(large, "zebra")
    older = gallery.manifest.name
    compact(path, progress=quiet)
    assert found(opened(path, encoder), "i7") == ["i7"]
    assert roll_back(path, older).name == older


def test_a_damaged_lexical_index_is_refused_by_name(tmp_path: Path, source: Path, encoder: Encoder) -> None:
    path = tmp_path / "gallery"
    build(source, path, encoder, progress=quiet)
    file = snapshot.live(path).path / snapshot.LEXICAL
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(GalleryBroken, match=r"lexical\.sqlite"):
        opened(path, encoder)
