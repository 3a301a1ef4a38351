"""Embeddings come in and go out in clip-retrieval's layout without a change, and what does not fit is refused."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from index.__main__ import main
from index.build import export as export_module
from index.build.build import Built, build
from index.build.snapshot_writer import Progress
from index.gallery import Gallery
from index.search.request import SearchRequest
from index.sources import clip_retrieval
from index.storage import snapshot
from models.arrays import normalised
from models.encoder import Encoder
from models.errors import GalleryError, SourceError

if TYPE_CHECKING:
    from tests.index.conftest import Draw


def quiet(progress: Progress) -> None:
    """Ignore the progress."""


def drawn(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    return normalised(np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32))


def put(folder: Path, number: str, vectors: np.ndarray, columns: dict[str, list[object]]) -> None:
    for name in (clip_retrieval.IMAGES, clip_retrieval.METADATA):
        (folder / name).mkdir(parents=True, exist_ok=True)
    np.save(folder / clip_retrieval.IMAGES / f"img_emb_{number}.npy", vectors)
    parquet.write_table(pyarrow.table(columns), folder / clip_retrieval.METADATA / f"metadata_{number}.parquet")


def imported(folder: Path, tmp_path: Path, encoder: Encoder) -> Built:
    return build(folder, tmp_path / "g", encoder, progress=quiet)


@pytest.mark.slow
@pytest.mark.parametrize("part", [export_module.PART, 3])
def test_a_gallery_goes_out_and_in_again_with_the_same_items_and_hits(
    tmp_path: Path, encoder: Encoder, draw: "Draw", monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(export_module, "PART", part)
    draw(tmp_path / "p", 31)
    table = tmp_path / "t.jsonl"
    with table.open("w") as file:
        for number in range(31):
            row = {"id": f"i{number}", "image": f"p/{number:04d}.png", "price": number / 2, "new": number % 2 == 0}
            file.write(json.dumps({**row, "stock": number or None, "image_path": "x", "url": f"/{number}"}) + "\n")
    build(table, tmp_path / "first", encoder, progress=quiet)
    assert main(["export", str(tmp_path / "first"), str(tmp_path / "out")]) == 0
    files = sorted(path.name for path in (tmp_path / "out" / clip_retrieval.IMAGES).iterdir())
    assert files == (["img_emb_0.npy"] if part > 31 else [f"img_emb_{number:02d}.npy" for number in range(11)])
    second = build(tmp_path / "out", tmp_path / "second", encoder, progress=quiet)
    assert (second.items, second.embedded) == (31, 0)
    one, other = (Gallery.open(tmp_path / name, space_id=encoder.manifest.space_id) for name in ("first", "second"))
    first_view, second_view = one.view(), other.view()
    assert list(first_view.ids) == list(second_view.ids)
    assert [first_view.item(id) for id in first_view.ids] == [second_view.item(id) for id in first_view.ids]
    kept = [np.load(snapshot.live(tmp_path / name).path / snapshot.VECTORS) for name in ("first", "second")]
    np.testing.assert_array_equal(*kept)
    queries = drawn(4, encoder.manifest.dimension)
    assert first_view.search(queries, [SearchRequest(k=7)] * len(queries)) == second_view.search(
        queries, [SearchRequest(k=7)] * len(queries)
    )
    with pytest.raises(GalleryError, match="exists"):
        export_module.export(tmp_path / "first", tmp_path / "out")


def test_another_programs_files_are_taken_in_the_order_of_their_numbers(tmp_path: Path, encoder: Encoder) -> None:
    d = encoder.manifest.dimension
    vectors = drawn(5, d)
    vectors[1, 3], vectors[4] = np.nan, 0
    put(tmp_path / "in", "10", 7 * vectors[3:], {"image_path": ["d", "e"], "caption": ["x", None]})
    put(
        tmp_path / "in",
        "9",
        vectors[:3].astype(np.float16),
        {"image_path": ["a", "b", "c"], "caption": ["u", "v", "w"]},
    )
    built = imported(tmp_path / "in", tmp_path, encoder)
    assert [each.id for each in built.skipped] == ["b", "e"]
    assert "img_emb_9.npy is not finite" in built.skipped[0].reason
    gallery = Gallery.open(tmp_path / "g", space_id=encoder.manifest.space_id)
    assert list(gallery.view().ids) == ["a", "c", "d"]
    assert gallery.view().item("d").uri == "d" and gallery.view().item("d").attributes["caption"] == "x"
    kept = np.load(snapshot.live(tmp_path / "g").path / snapshot.VECTORS).astype(np.float32)
    np.testing.assert_allclose(kept, vectors[[0, 2, 3]], atol=1e-3)


def test_other_vectors_do_not_inherit_the_lists_of_those_before(tmp_path: Path, encoder: Encoder) -> None:
    digests = []
    for seed in (0, 1):
        put(
            tmp_path / "in",
            "0",
            drawn(120, encoder.manifest.dimension, seed),
            {"image_path": list(map(str, range(120)))},
        )
        imported(tmp_path / "in", tmp_path, encoder)
        manifest = snapshot.live_manifest(tmp_path / "g")
        digests += [each.sha256 for each in manifest.files if each.file == snapshot.LISTS]
        assert (manifest.nlist, manifest.stale) == (3, 0)
    assert len(set(digests)) == 2


@pytest.mark.parametrize(
    ("rows", "columns", "width", "kind", "match"),
    [
        (3, {"image_path": ["a", "b"]}, 0, "f4", "metadata_0.parquet has 2 rows and .*img_emb_0.npy 3"),
        (2, {"image_path": ["a", "a"]}, 0, "f4", "the id 'a' twice"),
        (2, {"image_path": ["a", "b"]}, 1, "f4", "img_emb_0.npy has the shape"),
        (2, {"image_path": ["a", "b"]}, 0, "f8", "img_emb_0.npy holds float64"),
        (2, {"caption": ["a", "b"]}, 0, "f4", "metadata_0.parquet has no column id or image_path"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_by_its_name(
    tmp_path: Path, encoder: Encoder, rows: int, columns: dict[str, list[object]], width: int, kind: str, match: str
) -> None:
    put(tmp_path / "in", "0", drawn(rows, encoder.manifest.dimension + width).astype(kind), columns)
    with pytest.raises(SourceError, match=match):
        imported(tmp_path / "in", tmp_path, encoder)


def test_a_file_without_its_partner_and_a_broken_one_are_refused(tmp_path: Path, encoder: Encoder) -> None:
    put(tmp_path / "in", "0", drawn(1, encoder.manifest.dimension), {"image_path": ["a"]})
    (tmp_path / "in" / clip_retrieval.IMAGES / "img_emb_1.npy").write_bytes(b"")
    with pytest.raises(SourceError, match=r"img_emb_1\.npy has no partner"):
        imported(tmp_path / "in", tmp_path, encoder)
    (tmp_path / "in" / clip_retrieval.IMAGES / "img_emb_1.npy").rename(
        tmp_path / "in" / clip_retrieval.IMAGES / "img_emb_0.npy"
    )
    with pytest.raises(SourceError, match=r"img_emb_0\.npy is not a whole array"):
        imported(tmp_path / "in", tmp_path, encoder)


@pytest.mark.parametrize(("change", "match"), [("space", "another model"), ("file", "is not as .* says")])
def test_a_changed_export_or_one_of_another_space_is_refused(
    tmp_path: Path, encoder: Encoder, draw: "Draw", change: str, match: str
) -> None:
    build(draw(tmp_path / "p", 2), tmp_path / "first", encoder, progress=quiet)
    export_module.export(tmp_path / "first", tmp_path / "out")
    manifest = tmp_path / "out" / clip_retrieval.MANIFEST
    if change == "space":
        manifest.write_text(manifest.read_text().replace(encoder.manifest.space_id, "f" * 64))
    else:
        np.save(tmp_path / "out" / clip_retrieval.IMAGES / "img_emb_0.npy", drawn(2, encoder.manifest.dimension))
    with pytest.raises(SourceError, match=match):
        imported(tmp_path / "out", tmp_path, encoder)


def test_the_files_of_a_webdataset_give_every_item_an_id_and_an_address(tmp_path: Path, encoder: Encoder) -> None:
    folder, urls = tmp_path / "in", ["https://shop.example/a.jpg", "https://shop.example/b.jpg"]
    for shard in ("0", "1"):
        columns: dict[str, list[object]] = {"image_path": ["00000", "00001", None], "url": [*urls, urls[0]]}
        put(folder, shard, drawn(3, encoder.manifest.dimension, int(shard)), columns)
    built = imported(folder, tmp_path, encoder)
    assert (built.items, [row.reason.split(":")[0] for row in built.skipped]) == (
        4,
        ["row 3 of metadata_0.parquet", "row 3 of metadata_1.parquet"],
    )
    view = Gallery.open(tmp_path / "g", space_id=encoder.manifest.space_id).view()
    assert view.item("1/00001").uri == urls[1] and view.item("0/00000").uri == urls[0]


def test_two_files_of_one_number_are_refused(tmp_path: Path, encoder: Encoder) -> None:
    for number in ("1", "01"):
        put(tmp_path / "in", number, drawn(1, encoder.manifest.dimension), {"image_path": [f"{number}.png"]})
    with pytest.raises(SourceError, match=r"img_emb_01.npy and img_emb_1.npy have the same number"):
        imported(tmp_path / "in", tmp_path, encoder)


def test_an_id_of_two_files_is_refused_if_its_column_says_that_it_is_one(tmp_path: Path, encoder: Encoder) -> None:
    for number in ("0", "1"):
        put(tmp_path / "e", number, drawn(1, 256, int(number)), {"id": ["a"], "image_path": ["a.png"]})
    with pytest.raises(SourceError, match="the id 'a' twice"):
        imported(tmp_path / "e", tmp_path, encoder)


def test_a_key_of_two_files_is_skipped_if_the_number_makes_it_too_long(tmp_path: Path, encoder: Encoder) -> None:
    key = "k" * 1023
    for number in ("0", "1"):
        columns: dict[str, list[object]] = {"image_path": [key, f"b{number}"], "url": ["u", "v"]}
        put(tmp_path / "e", number, drawn(2, 256, int(number)), columns)
    built = imported(tmp_path / "e", tmp_path, encoder)
    assert built.items == 2
    assert ["1025 characters" in row.reason for row in built.skipped] == [True, True]


def test_vectors_are_mapped_from_the_disk_and_not_held_in_memory(tmp_path: Path) -> None:
    vectors = drawn(50, 16)
    put(tmp_path / "e", "0", vectors[:30], {"id": [f"i{n}" for n in range(30)], "image": ["x"] * 30})
    put(tmp_path / "e", "1", vectors[30:], {"id": [f"i{n}" for n in range(30, 50)], "image": ["x"] * 20})
    found = clip_retrieval.read(tmp_path / "e", dimension=16, space_id="s", note=print, scratch=tmp_path).vectors
    assert np.array_equal(found, vectors.astype(np.float16))
    assert isinstance(found.base, np.memmap)
