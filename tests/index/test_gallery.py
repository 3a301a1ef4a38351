"""A gallery finds what an exact search finds, leaves out what it must, and refuses what is damaged."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import build
from index.gallery import Gallery
from index.items.attribute_file import write
from index.items.filters import parse
from index.search.request import Hit, SearchRequest
from index.sources.cells import Value
from index.storage import manifest, snapshot
from index.storage.open_snapshot import OpenSnapshot
from index.vectors.encodings import IndexOptions
from models.arrays import Embeddings, normalised
from models.encoder import Encoder
from models.errors import GalleryBroken, GalleryMissing, InputError, SpaceMismatch, UnknownItem

if TYPE_CHECKING:
    from tests.index.conftest import Draw

COUNT = 90
FILES = (
    "manifest.json",
    snapshot.ITEMS,
    snapshot.ATTRIBUTES,
    snapshot.VECTORS,
    snapshot.SCALES,
    snapshot.LISTS,
    snapshot.PROBE,
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
    build(table, base / "gallery", encoder, shape=IndexOptions(shards=2), progress=lambda progress: None)
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


def hits(gallery: Gallery, queries: Embeddings, wants: list[SearchRequest]) -> list[list[Hit]]:
    return [found.hits for found in gallery.view().search(queries, wants)]


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 10, 89, 90, 91, 5000])
def test_the_hits_are_those_of_an_exact_search(built: Path, gallery: Gallery, queries: Embeddings, k: int) -> None:
    for found, truth in zip(
        hits(gallery, queries, [SearchRequest(k=k)] * len(queries)), exact(built, queries), strict=True
    ):
        scores = [hit.score for hit in found]
        assert scores == sorted(scores, reverse=True)
        assert len({hit.item.id for hit in found}) == len(found) == min(k, COUNT)
        np.testing.assert_allclose(scores, list(truth.values())[:k], atol=2e-6)
        np.testing.assert_allclose(scores, [truth[hit.item.id] for hit in found], atol=2e-6)


@pytest.mark.parametrize("k", [1, 10, 60, 90])
def test_excluded_items_never_come_and_others_take_their_place(
    built: Path, gallery: Gallery, queries: Embeddings, k: int
) -> None:
    truths = [list(truth) for truth in exact(built, queries)]
    exclude = [frozenset([*truth[: 5 * number], "of another gallery"]) for number, truth in enumerate(truths)]
    wants = [SearchRequest(k=k, exclude=each) for each in exclude]
    for found, truth, unwanted in zip(hits(gallery, queries, wants), truths, exclude, strict=True):
        assert not unwanted & {hit.item.id for hit in found}
        assert len(found) == min(k, len([id for id in truth if id not in unwanted]))


def test_all_items_excluded_leave_nothing(gallery: Gallery, queries: Embeddings) -> None:
    nothing = SearchRequest(k=3, exclude=frozenset(f"i{n}" for n in range(COUNT)))
    assert hits(gallery, queries[:1], [nothing]) == [[]]


def test_pages_of_any_length_put_together_are_the_whole(gallery: Gallery, queries: Embeddings) -> None:
    whole = hits(gallery, queries, [SearchRequest(k=COUNT)] * len(queries))
    for size in (1, 7, 40):
        pages = [
            hits(gallery, queries, [SearchRequest(k=size, offset=offset)] * len(queries))
            for offset in range(0, COUNT, size)
        ]
        assert [[hit for page in pages for hit in page[number]] for number in range(len(queries))] == whole


def test_a_filter_leaves_what_it_names_and_says_how_it_was_searched(
    built: Path, gallery: Gallery, queries: Embeddings
) -> None:
    filter = parse({"price": {"gte": 10, "lt": 50}, "new": True})
    (found,) = gallery.view().search(queries[:1], [SearchRequest(k=COUNT, filter=filter)])
    passing = {f"i{n}" for n in range(10, 50, 2)}
    assert {hit.item.id for hit in found.hits} == passing
    truth = exact(built, queries[:1])[0]
    np.testing.assert_allclose([hit.score for hit in found.hits], [truth[hit.item.id] for hit in found.hits], atol=2e-6)
    assert found.total == len(passing)
    (note,) = found.diagnostics
    assert "20 items" in note
    with pytest.raises(InputError, match="no item has the attribute 'colour'"):
        gallery.view().search(queries[:1], [SearchRequest(filter=parse({"colour": "red"}))])


def test_wants_of_one_batch_are_met_each_for_itself(gallery: Gallery, queries: Embeddings) -> None:
    wants = [
        SearchRequest(k=3),
        SearchRequest(k=2, filter=parse({"new": True})),
        SearchRequest(k=4, offset=1),
        SearchRequest(k=1),
        SearchRequest(k=90, nprobe=1),
    ]
    alone = [gallery.view().search(queries[number : number + 1], [want])[0] for number, want in enumerate(wants)]
    assert gallery.view().search(queries[: len(wants)], wants) == alone


def test_facets_count_what_the_filter_lets_through(gallery: Gallery, queries: Embeddings) -> None:
    want = SearchRequest(filter=parse({"stock": {"lt": 11}}), facets=("new", "stock", "none"))
    (found,) = gallery.view().search(queries[:1], [want])
    stock = [(number, 1) for number in range(11)]
    assert found.facets == {"new": [(True, 6), (False, 5)], "stock": stock, "none": []}


def test_an_item_keeps_the_exact_types_of_its_attributes(gallery: Gallery) -> None:
    for number in (0, 7, 89):
        item = gallery.view().item(f"i{number}")
        assert Path(item.uri).name == f"{number:04d}.png"
        assert item.attributes == {name: value for name, value in attributes(number).items() if value is not None}
        assert [type(v) for v in item.attributes.values()] == [int, float, bool, str]
    assert "i0" in gallery.view()
    assert "bad" not in gallery.view()
    assert len(gallery.view()) == COUNT
    with pytest.raises(UnknownItem, match="'bad'"):
        gallery.view().item("bad")


def test_queries_that_cannot_be_meant_are_refused(gallery: Gallery, queries: Embeddings) -> None:
    broken = queries.copy()
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="not finite"):
        gallery.view().search(broken, [SearchRequest()] * 7)
    with pytest.raises(InputError, match="shape"):
        gallery.view().search(queries[:, :-1], [SearchRequest()] * 7)
    with pytest.raises(InputError, match="shape"):
        gallery.view().search(queries[0], [SearchRequest()])
    with pytest.raises(InputError, match="for 7 queries"):
        gallery.view().search(queries, [SearchRequest()])
    for want, said in (
        (SearchRequest(k=0), "at least one"),
        (SearchRequest(offset=-1), "offset"),
        (SearchRequest(offset=9_990), "first 10000"),
        (SearchRequest(nprobe=0), "nprobe"),
        (SearchRequest(nprobe=10**6), "nprobe"),
        (SearchRequest(alike=0.0), "alike"),
        (SearchRequest(group_by="colour"), "no item has the attribute 'colour'"),
    ):
        with pytest.raises(InputError, match=said):
            gallery.view().search(queries[:1], [want])
    assert gallery.view().search(queries[:0], []) == []


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
    changes = [{"source": "elsewhere"}, {"nprobe": 1 + live.manifest.nprobe}, {"extra": 1}]
    for change in (*changes, *({"schema_version": version} for version in (1, 2, 5))):
        path.write_text(json.dumps(facts | change, indent=2) + "\n")
        with pytest.raises(GalleryBroken, match=r"manifest\.json"):
            snapshot.live(copy)


@pytest.mark.parametrize("damage", ["deleted", "changed"])
def test_without_a_shard_the_others_answer_and_say_so(copy: Path, encoder: Encoder, damage: str) -> None:
    path = snapshot.live(copy).shards[1]
    data = path.read_bytes()
    path.unlink()
    if damage == "changed":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    space_id = encoder.manifest.space_id
    with pytest.raises(GalleryBroken, match=path.name):
        Gallery.open(copy, space_id=space_id)
    gallery = Gallery.salvage(copy, space_id=space_id)
    assert gallery.missing == (path.name,)
    queries = normalised(np.random.default_rng(5).standard_normal((3, encoder.manifest.dimension)).astype(np.float32))
    for found in gallery.view().search(queries, [SearchRequest(k=COUNT)] * 3):
        assert {hit.item.id for hit in found.hits} == {f"i{n}" for n in range(0, COUNT, 2)}
        assert len(found.notes) == 1 and path.name not in found.notes[0]
        assert found.diagnostics == [f"{path.name} cannot be read: {COUNT // 2} items were not searched"]
    # few rows are compared by their vectors, which are all there
    (few,) = gallery.view().search(queries[:1], [SearchRequest(k=COUNT, filter=parse({"stock": {"lt": 10}}))])
    assert {hit.item.id for hit in few.hits} == {f"i{n}" for n in range(10)}


def test_a_snapshot_without_any_shard_or_without_another_file_cannot_be_salvaged(copy: Path, encoder: Encoder) -> None:
    live = snapshot.live(copy)
    for shard in live.shards:
        shard.unlink()
    with pytest.raises(GalleryBroken, match="no shard"):
        Gallery.salvage(copy, space_id=encoder.manifest.space_id)
    (live.path / snapshot.VECTORS).unlink()
    with pytest.raises(GalleryBroken, match=snapshot.VECTORS):
        Gallery.salvage(copy, space_id=encoder.manifest.space_id)


def test_a_shard_of_another_snapshot_is_refused_even_if_its_digest_is_right(copy: Path) -> None:
    live = snapshot.live(copy)
    shutil.copy(live.shards[0], live.shards[1])
    entries = live.manifest.shards
    forged = live.manifest.model_copy(update={"shards": (entries[0], snapshot.shard_entry(live.shards[1], 45))})
    (live.path / manifest.MANIFEST).write_text(manifest.dump(forged.model_copy(update={"count": COUNT + 1})))
    with pytest.raises(GalleryBroken, match="do not belong together"):
        OpenSnapshot.open(snapshot.checked(live.path))


def test_attributes_of_another_count_are_refused_even_if_their_digest_is_right(copy: Path) -> None:
    live = snapshot.live(copy)
    write(live.path / snapshot.ATTRIBUTES, ((str(number), attributes(number)) for number in range(COUNT + 1)))
    files = [snapshot.entry(live.path / each.file) for each in live.manifest.files]
    forged = live.manifest.model_copy(update={"files": tuple(files)})
    (live.path / manifest.MANIFEST).write_text(manifest.dump(forged))
    with pytest.raises(GalleryBroken, match="do not belong together"):
        OpenSnapshot.open(snapshot.checked(live.path))


def test_hits_that_are_compared_with_each_other_have_a_smaller_window(gallery: Gallery) -> None:
    (view := gallery.view()).check(deep := SearchRequest(k=10, offset=9_990))
    for want in (replace(deep, group_by="price"), replace(deep, alike=1.0)):
        view.check(replace(want, offset=990))
        with pytest.raises(InputError, match="first 1000 hits"):
            view.check(replace(want, offset=991))
