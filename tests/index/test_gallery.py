"""A gallery finds what an exact search finds, leaves out what it must, and refuses what is damaged."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index import manifest, snapshot
from index.build import build
from index.gallery import Gallery
from index.ingest import Value
from models.arrays import Embeddings, normalised
from models.encoder import Encoder
from models.errors import GalleryBroken, GalleryMissing, InputError, SpaceMismatch, UnknownItem

if TYPE_CHECKING:
    from conftest import Draw

COUNT = 90
FILES = (
    "manifest.json",
    snapshot.ITEMS,
    snapshot.VECTORS,
    snapshot.SKIPPED,
    "shard-0000.faiss",
    "shard-0001.faiss",
)


def attributes(number: int) -> dict[str, Value]:
    return {"stock": number, "price": float(number), "new": number % 2 == 0, "name": str(number), "none": None}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, draw: "Draw") -> Path:
    base = tmp_path_factory.mktemp("gallery")
    folder = draw(base / "pictures", COUNT)
    (folder / "bad.png").write_bytes(b"")
    table = base / "items.jsonl"
    records = [{"id": f"i{n}", "image": f"pictures/{n:04d}.png", **attributes(n)} for n in range(COUNT)]
    records.append({"id": "bad", "image": "pictures/bad.png"})
    table.write_text("".join(json.dumps(record) + "\n" for record in records))
    build(table, base / "gallery", encoder, progress=lambda progress: None)
    return base / "gallery"


@pytest.fixture(scope="module")
def gallery(built: Path, encoder: Encoder) -> Gallery:
    return Gallery.open(built, space_id=encoder.manifest.space_id)


@pytest.fixture(scope="module")
def queries(encoder: Encoder) -> Embeddings:
    return normalised(np.random.default_rng(5).standard_normal((7, encoder.manifest.dimension)).astype(np.float32))


def exact(built: Path, queries: Embeddings) -> list[dict[str, float]]:
    """For each query the cosine of every item, best first."""
    vectors = normalised(np.load(snapshot.live(built).path / snapshot.VECTORS).astype(np.float32))
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T  # (B, n)
    return [{f"i{row}": float(each[row]) for row in np.argsort(-each)} for each in scores]


@pytest.mark.parametrize("k", [1, 10, 89, 90, 91, 5000])
def test_the_hits_are_those_of_an_exact_search(built: Path, gallery: Gallery, queries: Embeddings, k: int) -> None:
    assert gallery.manifest.nprobe == gallery.manifest.nlist  # so few lists are all probed
    for hits, truth in zip(gallery.search(queries, k=k), exact(built, queries), strict=True):
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert len({hit.item.id for hit in hits}) == len(hits) == min(k, COUNT)
        np.testing.assert_allclose(scores, list(truth.values())[:k], atol=2e-6)
        np.testing.assert_allclose(scores, [truth[hit.item.id] for hit in hits], atol=2e-6)


@pytest.mark.parametrize("k", [1, 10, 60, 90])
def test_excluded_items_never_come_and_others_take_their_place(
    built: Path, gallery: Gallery, queries: Embeddings, k: int
) -> None:
    truths = [list(truth) for truth in exact(built, queries)]
    exclude = [set(truth[: 5 * number]) | {"of another gallery"} for number, truth in enumerate(truths)]
    for hits, truth, unwanted in zip(gallery.search(queries, k=k, exclude=exclude), truths, exclude, strict=True):
        assert not unwanted & {hit.item.id for hit in hits}
        assert len(hits) == min(k, len([id for id in truth if id not in unwanted]))


def test_all_items_excluded_leave_nothing(gallery: Gallery, queries: Embeddings) -> None:
    assert gallery.search(queries[:1], k=3, exclude=[[f"i{n}" for n in range(COUNT)]]) == [[]]


def test_an_item_keeps_the_exact_types_of_its_attributes(gallery: Gallery) -> None:
    for number in (0, 7, 89):
        item = gallery.item(f"i{number}")
        assert Path(item.uri).name == f"{number:04d}.png"
        assert item.attributes == attributes(number)
        assert [type(v) for v in item.attributes.values()] == [int, float, bool, str, type(None)]
    assert "i0" in gallery
    assert "bad" not in gallery
    assert len(gallery) == COUNT
    with pytest.raises(UnknownItem, match="'bad'"):
        gallery.item("bad")


def test_queries_that_cannot_be_meant_are_refused(gallery: Gallery, queries: Embeddings) -> None:
    broken = queries.copy()
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="not finite"):
        gallery.search(broken, k=1)
    with pytest.raises(InputError, match="shape"):
        gallery.search(queries[:, :-1], k=1)
    with pytest.raises(InputError, match="shape"):
        gallery.search(queries[0], k=1)
    with pytest.raises(InputError, match="at least one"):
        gallery.search(queries, k=0)
    with pytest.raises(InputError, match="exclude is for 1 of 7"):
        gallery.search(queries, k=1, exclude=[["i0"]])
    assert gallery.search(queries[:0], k=3) == []


def test_another_space_is_refused_with_the_command_that_rebuilds(built: Path) -> None:
    with pytest.raises(SpaceMismatch, match=r"likebut index build .*items\.jsonl --gallery .* --bundle"):
        Gallery.open(built, space_id="another")


def test_no_gallery_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissing, match="likebut index build"):
        Gallery.open(tmp_path, space_id="s")
    for text in ("", "../../somewhere\n", "20261121T024756126870Z-f0212d9c\n"):
        (tmp_path / snapshot.CURRENT).write_text(text)
        with pytest.raises(GalleryBroken, match=r"CURRENT|manifest"):
            Gallery.open(tmp_path, space_id="s")


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["first byte", "middle byte", "last byte", "truncated", "longer", "deleted"])
def test_a_damaged_file_is_refused_by_name(copy: Path, encoder: Encoder, name: str, damage: str) -> None:
    path = snapshot.live(copy).path / name
    data = bytearray(path.read_bytes())
    if damage == "deleted":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[:-1])
    elif damage == "longer":
        path.write_bytes(data + b"\n")
    else:
        data[{"first byte": 0, "middle byte": len(data) // 2, "last byte": -1}[damage]] ^= 1
        path.write_bytes(data)
    with pytest.raises(GalleryBroken, match=name):
        Gallery.open(copy, space_id=encoder.manifest.space_id)


def test_a_changed_fact_an_unknown_key_and_another_version_of_the_manifest_are_refused(copy: Path) -> None:
    live = snapshot.live(copy)
    path = live.path / manifest.MANIFEST
    facts = json.loads(path.read_text())
    for change in ({"source": "elsewhere"}, {"nprobe": 1 + live.manifest.nprobe}, {"extra": 1}, {"schema_version": 2}):
        path.write_text(json.dumps(facts | change, indent=2) + "\n")
        with pytest.raises(GalleryBroken, match=r"manifest\.json"):
            snapshot.live(copy)


def test_a_shard_of_another_snapshot_is_refused_even_if_its_digest_is_right(copy: Path) -> None:
    live = snapshot.live(copy)
    shutil.copy(live.shards[0], live.shards[1])
    entries = live.manifest.shards
    forged = live.manifest.model_copy(update={"shards": (entries[0], snapshot.shard_entry(live.shards[1], 45))})
    (live.path / manifest.MANIFEST).write_text(manifest.dump(forged.model_copy(update={"count": COUNT + 1})))
    with pytest.raises(GalleryBroken, match="do not belong together"):
        Gallery.of(snapshot.checked(live.path))
