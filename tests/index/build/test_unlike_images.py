"""A build says that images are unlike those that the model knows, and how to get another model."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index import facts
from index.build.build import build
from index.build.compact import compact
from index.build.create import create
from index.build.tune import tune
from index.edits import Edit, Put
from index.gallery import Gallery
from index.storage import unlike_images
from index.storage.changes import Delete
from models import bundle
from models.bundle import KNOWN_IMAGES, SHIPPED, Bundle
from models.encoder import Encoder
from tests.index.uploads import apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


def knowing(path: Path, centres: np.ndarray, *, least: float) -> Encoder:
    """Write the shipped bundle with these known images, and open it."""
    record = io.BytesIO()
    np.savez(record, centres=centres.astype(np.float16), least=np.float32(least))
    shipped = Bundle.open(SHIPPED)
    contents: dict[str, bundle.Content] = {name: shipped.file(name) for name in shipped.manifest.files}
    bundle.write(path, {**contents, KNOWN_IMAGES: record.getvalue()}, shipped.manifest)
    return Encoder.open(path)


def naive(gallery: Gallery, centres: np.ndarray, *, least: float) -> tuple[int, int]:
    """Count the images of all items that are unlike each centre, and all images, one after the other."""
    unlike = images = 0
    for id in gallery.view().ids:
        item = gallery.view().upsert(id)
        assert item is not None
        for image in item.images:
            cosines = [float(image.vector.astype(np.float32) @ centre.astype(np.float32)) for centre in centres]
            unlike += max(cosines) < least
            images += 1
    return unlike, images


def counted(gallery: Gallery) -> tuple[int, int] | None:
    view = gallery.view()
    found = unlike_images.of_view(view.manifest, view.rows)
    return None if found is None else (found.count, found.images)


def test_a_gallery_of_unlike_images_has_a_note(
    tmp_path: Path, encoder: Encoder, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(tmp_path / "pictures", 12)
    vectors = encoder.gallery(np.stack([encoder.preprocess(path.read_bytes()) for path in sorted(folder.iterdir())]))
    gallery = tmp_path / "gallery"
    alike = knowing(tmp_path / "alike", vectors, least=0.99)
    assert build(folder, gallery, alike, progress=quiet).notes == []
    facts.show(gallery, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["unlike"] == 0.0 and shown["notes"] == []

    unlike = knowing(tmp_path / "unlike", -vectors, least=0.9)
    (note,) = build(folder, gallery, unlike, progress=quiet).notes  # another snapshot, though no image is another one
    assert note.startswith("100% of the images are unlike those that the model")
    assert f"likebut tailor {folder}" in note and f"likebut index build --gallery {gallery} --bundle" in note
    unchanged = build(folder, gallery, unlike, progress=quiet)
    assert "nothing changed" in unchanged.notes[0] and unchanged.notes[1] == note
    facts.show(gallery, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["unlike"] == 1.0 and shown["notes"] == [note]
    facts.show(gallery, as_json=False)
    assert "100.0% of the images are unlike" in capsys.readouterr().out


def test_a_model_that_does_not_say_what_it_knows_counts_nothing(
    tmp_path: Path, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = Bundle.open(SHIPPED)
    silent = {name: shipped.file(name) for name in shipped.manifest.files if name != KNOWN_IMAGES}
    bundle.write(tmp_path / "silent", silent, shipped.manifest)
    encoder = Encoder.open(tmp_path / "silent")
    built = build(draw(tmp_path / "pictures", 3), tmp_path / "gallery", encoder, progress=quiet)
    assert built.notes == [] and counted(opened(tmp_path / "gallery", encoder)) is None
    facts.show(tmp_path / "gallery", as_json=True)
    assert json.loads(capsys.readouterr().out)["unlike"] is None


def test_changes_are_counted_at_once_and_stay_so_when_they_are_compacted(tmp_path: Path, encoder: Encoder) -> None:
    vectors = encoder.gallery(np.stack([encoder.preprocess(picture(number)) for number in range(6)]))
    centres = vectors[:3]
    least = float(np.median((vectors @ centres.T)[3:].max(axis=1)))  # some are alike, some are not
    knows = knowing(tmp_path / "knows", centres, least=least)
    create(tmp_path / "gallery", knows.manifest, known_images=knows.known_images)
    gallery = opened(tmp_path / "gallery", knows)
    assert counted(gallery) == (0, 0)
    centres = centres.astype(np.float16)
    several = [Put(f"{number}", [picture(number), picture(number + 20)], {}) for number in range(4, 9)]
    edits: list[Edit] = [Put("0", [picture(0)], {}), Put("3", [picture(3)], {}), *several]
    seen = set()
    for step in range(3):
        apply(edits, gallery, knows)
        found = counted(gallery)
        assert found == naive(gallery, centres, least=least) and found is not None and 0 < found[0] < found[1]
        seen.add(found)
        compact(tmp_path / "gallery", progress=quiet)
        gallery = opened(tmp_path / "gallery", knows)
        assert counted(gallery) == found == (gallery.manifest.unlike, gallery.view().rows.image_count())
        edits = [
            Delete("4"),
            Delete("0"),
            Put("5", [picture(40 + step)], {}),
            Put("0", [picture(step), picture(1)], {}),
        ]
        edits += [Put("6", None, {"price": step})]
        edits = edits[1:] if step else edits
    assert len(seen) > 1
    tuned = tune(tmp_path / "gallery", goal=0.9)
    assert tuned.unlike == gallery.manifest.unlike and counted(opened(tmp_path / "gallery", knows)) == found
