"""A gallery that the version before wrote is searched as it is, and written anew by whatever changes it."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import build
from index.build.compact import compact
from index.build.snapshot_writer import Progress
from index.build.tune import tune
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete
from index.storage.manifest import MANIFEST, SCHEMA_VERSION
from models.encoder import Encoder
from models.errors import GalleryBroken

if TYPE_CHECKING:
    from conftest import Draw

COUNT = 60


def quiet(progress: Progress) -> None:
    """Reports to nobody."""


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: "Draw") -> Path:
    """A gallery whose manifest is as version 2 wrote it, with its own digest."""
    table = tmp_path / "table.jsonl"
    pictures = draw(tmp_path / "pictures", COUNT)
    rows = [{"id": str(n), "image": f"{pictures}/{n:04d}.png", "even": n % 2 == 0} for n in range(COUNT)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build(table, tmp_path / "gallery", encoder, progress=quiet)
    path = snapshot.live(tmp_path / "gallery").path / MANIFEST
    facts = json.loads(path.read_text()) | {"schema_version": 2, "digest": ""}
    del facts["widened"]
    compacted = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
    facts["digest"] = hashlib.sha256(compacted.encode()).hexdigest()
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return tmp_path / "gallery"


def ids(folder: Path, encoder: Encoder) -> list[str]:
    """What a filter lets through of the even ones, best first."""
    gallery = Gallery.open(folder, space_id=encoder.manifest.space_id)
    query = np.eye(1, encoder.manifest.dimension, dtype=np.float32)
    (found,) = gallery.search(query, [SearchRequest(k=COUNT, filter=parse({"even": True}))])
    return [hit.item.id for hit in found.hits]


def test_a_gallery_of_the_version_before_is_searched_and_changed_and_written_anew(
    folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors.ranking.SCANNED", 2)  # so that the lists are asked
    assert snapshot.live(folder).manifest.widened == ()
    assert sorted(map(int, ids(folder, encoder))) == list(range(0, COUNT, 2))
    old = snapshot.current(folder)
    assert tune(folder, goal=0.9).schema_version == SCHEMA_VERSION == snapshot.live(folder).manifest.schema_version
    assert snapshot.live(folder).manifest.widened
    Gallery.open(folder, space_id=encoder.manifest.space_id).change([Delete("0")])
    snapshot.roll_back(folder, old)
    compact(folder, progress=quiet)
    assert snapshot.live(folder).manifest.schema_version == SCHEMA_VERSION
    assert sorted(map(int, ids(folder, encoder))) == list(range(2, COUNT, 2))


def test_a_manifest_of_the_version_before_that_was_changed_is_refused(folder: Path) -> None:
    path = snapshot.live(folder).path / MANIFEST
    facts = json.loads(path.read_text())
    for change in ({"nprobe": facts["nprobe"] + 1}, {"widened": []}, {"schema_version": 3}):
        path.write_text(json.dumps(facts | change, indent=2) + "\n")
        with pytest.raises(GalleryBroken, match=r"manifest\.json"):
            snapshot.live(folder)
