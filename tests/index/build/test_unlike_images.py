"""A build says that images are unlike those that the model knows, and how to get another model."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index import facts
from index.build.build import build
from models import bundle
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from tests.index.uploads import quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


def knowing(path: Path, centres: np.ndarray, *, least: float) -> Encoder:
    """Write the shipped bundle with these known images, and open it."""
    record = io.BytesIO()
    np.savez(record, centres=centres.astype(np.float16), least=np.float32(least))
    shipped = Bundle.open(SHIPPED)
    contents: dict[str, bundle.Content] = {name: shipped.file(name) for name in shipped.manifest.files}
    bundle.write(path, {**contents, bundle.KNOWN_IMAGES: record.getvalue()}, shipped.manifest)
    return Encoder.open(path)


def test_a_gallery_of_unlike_images_has_a_note(
    tmp_path: Path, encoder: Encoder, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(tmp_path / "pictures", 12)
    vectors = encoder.gallery(np.stack([encoder.preprocess(path.read_bytes()) for path in sorted(folder.iterdir())]))
    alike = knowing(tmp_path / "alike", vectors, least=0.99)
    built = build(folder, tmp_path / "alike-gallery", alike, progress=quiet)
    assert not [note for note in built.notes if "unlike" in note]

    unlike = knowing(tmp_path / "unlike", -vectors, least=0.9)
    gallery = tmp_path / "unlike-gallery"
    (note,) = build(folder, gallery, unlike, progress=quiet).notes
    assert note.startswith("100% of the images are unlike those that the model") and "likebut tailor" in note
    facts.show(gallery, as_json=True)  # as GET /index has it, too
    assert json.loads(capsys.readouterr().out)["notes"] == [note]
