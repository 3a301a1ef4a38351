"""A gallery begins without items: changes fill it, searches find them, and compactions give it lists."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.__main__ import main
from index.build.build import build
from index.build.compact import compact
from index.build.create import create
from index.edits import Put
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete
from index.vectors import encodings
from models.encoder import Encoder
from models.errors import GalleryError, LossRefused
from tests.index.uploads import apply, opened, picture, quiet

FILLED = parse({"number": {"gte": 0}})


@pytest.fixture
def empty(tmp_path: Path, encoder: Encoder) -> Path:
    create(tmp_path / "gallery", encoder.manifest)
    return tmp_path / "gallery"


def puts(numbers: Sequence[int]) -> list[Put]:
    return [Put(f"i{number}", [picture(number)], {"number": number, "odd": number % 2 == 1}) for number in numbers]


def best(gallery: Gallery, encoder: Encoder, number: int, request: SearchRequest) -> list[str]:
    """Return the ids of the hits for an item's own image."""
    query = encoder.gallery(encoder.preprocess(picture(number), max_pixels=10**6)[np.newaxis])
    return [hit.item.id for hit in gallery.view().search(query, [request])[0].hits]


def test_an_empty_gallery_answers_every_search_with_nothing(empty: Path, encoder: Encoder) -> None:
    gallery = opened(empty, encoder)
    request = SearchRequest(filter=FILLED, facets=("number",), group_by="number", alike=0.9, exclude=frozenset("x"))
    for each in (SearchRequest(), SearchRequest(k=100, offset=50), request):
        (result,) = gallery.view().search(np.eye(1, encoder.manifest.dimension, dtype=np.float32), [each])
        assert (result.hits, result.total, result.notes) == ([], 0, [])
    assert len(gallery.view()) == 0 and list(gallery.view().ids) == []


def test_items_that_are_put_are_found_and_outlive_compactions(empty: Path, encoder: Encoder) -> None:
    gallery = opened(empty, encoder)
    assert apply(puts(range(60)), gallery, encoder) == [None] * 60
    for stage in ("changes", "opened again", "compacted", "compacted again"):
        if stage.startswith("compacted"):
            compact(empty, progress=quiet)
        if stage != "changes":
            gallery = opened(empty, encoder)
        for number in (0, 17, 59):
            assert best(gallery, encoder, number, SearchRequest(k=1)) == [f"i{number}"], stage
            odd = SearchRequest(k=100, filter=parse({"odd": True}))
            assert len(best(gallery, encoder, number, odd)) == 30, stage
        if stage == "compacted":
            assert gallery.manifest.count == 60 and gallery.changes == 0
            assert apply([Delete("i3"), *puts([61])], gallery, encoder) == [None, None]
    assert gallery.manifest.count == 60 and "i3" not in gallery.view()


def test_a_compaction_chooses_the_encoding_by_the_items(
    empty: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "SMALL", 50)
    gallery = opened(empty, encoder)
    apply(puts(range(45)), gallery, encoder)
    compact(empty, progress=quiet)
    assert snapshot.live_manifest(empty).encoding == "flat"
    apply(puts(range(45, 60)), opened(empty, encoder), encoder)
    compact(empty, progress=quiet)
    manifest = snapshot.live_manifest(empty)
    assert (manifest.encoding, manifest.source, manifest.recall_goal) == ("sq8", "", 0.95)


def test_the_commands_take_an_empty_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = str(tmp_path / "new" / "gallery")
    assert main(["create", gallery]) == 0
    assert main(["inspect", gallery, "--json"]) == 0
    assert '"items": 0' in capsys.readouterr().out
    assert main(["tune", gallery, "--recall", ".9"]) == 0
    assert main(["compact", gallery, "--progress", "none"]) == 0
    assert main(["export", gallery, str(tmp_path / "out")]) == 0
    assert main(["create", gallery]) == 2
    assert gallery in capsys.readouterr().err


def test_a_gallery_is_never_created_over_another(empty: Path, encoder: Encoder) -> None:
    (empty / snapshot.CURRENT).unlink()
    with pytest.raises(GalleryError, match=r"holds a gallery already"):
        create(empty, encoder.manifest)


def test_a_build_keeps_the_limit_of_loss_of_a_created_gallery(empty: Path, encoder: Encoder, tmp_path: Path) -> None:
    apply(puts(range(4)), opened(empty, encoder), encoder)
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture(100))
    with pytest.raises(LossRefused):
        build(folder, empty, encoder, progress=quiet)
    assert build(folder, empty, encoder, max_loss=1, progress=quiet).items == 1
