"""Items with several images: a search gives what a plain sort of all items by their best images gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.build.compact import compact
from index.build.publish import publish, roll_back
from index.build.snapshot_writer import SnapshotOrigin, write
from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.items import filters
from index.items.items import GalleryItem
from index.search.request import SearchRequest, SearchResult
from index.sources.embedded import Embedded
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.changes import Change, Delete, ImageState, Upsert
from index.storage.journal import Journal
from index.vectors.encodings import Encoding, IndexOptions
from models.arrays import Embeddings, Scores, normalised
from tests.index.uploads import quiet

EXACT, ROUNDED = 3e-6, 5e-4  # a compaction rounds changed vectors once more
COUNT, DIMENSION, COLOURS, SPACE = 700, 16, 4, "ab" * 32
Item = tuple[int, Embeddings]  # its colour, and its vectors (m, d)
Items = Mapping[str, Item]


def random_items(count: int, seed: int, *, prefix: str = "i") -> dict[str, Item]:
    """Items with one to five images; the images of an item look alike, as far as chance says."""
    generator = np.random.default_rng(seed)
    items = {}
    for number in range(count):
        centre = generator.standard_normal(DIMENSION)
        images = centre + generator.uniform(0.2, 2) * generator.standard_normal((generator.integers(1, 6), DIMENSION))
        vectors = normalised(images.astype(np.float32)).astype(np.float16).astype(np.float32)  # as they are stored
        items[f"{prefix}{number}"] = (int(generator.integers(COLOURS)), vectors)
    return items


def cosines(vectors: Embeddings, query: Embeddings) -> Scores:
    found: Scores = normalised(vectors) @ query
    return found


def contents(id: str, count: int) -> list[str]:
    return [f"{id}/{number}" for number in range(count)]


def build(folder: Path, items: Items, encoding: Encoding) -> None:
    rows = [
        SourceRow(id, first, {"colour": colour}, content=first, further=tuple(FurtherImage(uri, uri) for uri in others))
        for id, (colour, vectors) in items.items()
        for first, *others in [contents(id, len(vectors))]
    ]
    blocks = [vectors[:1] for _, vectors in items.values()] + [vectors[1:] for _, vectors in items.values()]
    embedded = Embedded(rows, np.concatenate(blocks).astype(np.float16), [], computed=0, new=len(rows))
    with Journal.open(folder) as journal:
        origin = SnapshotOrigin("source", SPACE, "model", journal.last())
        options = IndexOptions(shards=2, encoding=encoding, recall=1.0)
        sealed, _ = write(folder, embedded, origin, options, quiet, known={}, lexical=["title"])
        publish(folder, sealed, journal)


def put(id: str, item: Item) -> Upsert:
    colour, vectors = item
    states = tuple(map(ImageState, contents(id, len(vectors)), vectors.astype(np.float16)))
    first, *others = contents(id, len(vectors))
    return Upsert(GalleryItem(id, first, {"colour": colour}, tuple(others)), first, SPACE, states[0].vector, states[1:])


def search(view: GalleryView, queries: Embeddings, request: SearchRequest) -> list[SearchResult]:
    return view.search(queries, [request] * len(queries))


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def check(
    view: GalleryView, items: Items, *, colours: Sequence[int] | None = None, seed: int = 0, atol: float = EXACT
) -> None:
    """Compares two pages of searches, also by images of the items, with a plain sort."""
    wanted = {id: item for id, item in items.items() if colours is None or item[0] in colours}
    own = normalised(np.stack([vectors[-1] for _, vectors in list(items.values())[:3]]))
    queries = np.concatenate([unit(4, seed), own])
    filter = None if colours is None else filters.parse({"colour": list(colours)})
    pages = [
        SearchRequest(k=30, offset=offset, filter=filter, facets=("colour",), nprobe=view.manifest.nlist)
        for offset in (0, 30)
    ]
    for query, *results in zip(queries, *(search(view, queries, page) for page in pages), strict=True):
        hits = [hit for result in results for hit in result.hits]
        best = {id: float(cosines(vectors, query).max()) for id, (_, vectors) in wanted.items()}
        ids = [hit.item.id for hit in hits]
        assert len(set(ids)) == len(ids) == min(60, len(wanted))
        assert {result.total for result in results} == {len(wanted)}
        counts = dict(results[0].facets["colour"])
        assert sum(counts.values()) == len(wanted)
        np.testing.assert_allclose([hit.score for hit in hits], sorted(best.values(), reverse=True)[:60], atol=atol)
        for hit in hits:
            own_cosines = cosines(wanted[hit.item.id][1], query)
            assert hit.score == pytest.approx(best[hit.item.id], abs=atol)
            assert own_cosines[hit.image] == pytest.approx(own_cosines.max(), abs=atol)
            assert list(hit.item.uris) == contents(hit.item.id, len(own_cosines))


def opened(folder: Path) -> Gallery:
    return Gallery.open(folder, space_id=SPACE)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Items]:
    folder, items = tmp_path_factory.mktemp("flat"), random_items(COUNT, 1)
    build(folder, items, "flat")
    return folder, items


def test_each_item_is_one_hit_at_its_best_image(gallery: tuple[Path, Items]) -> None:
    folder, items = gallery
    view = opened(folder).view()
    check(view, items)
    check(view, items, colours=[0, 2])
    check(view, items, colours=[1])
    assert len(view) == COUNT and view.manifest.images == sum(len(vectors) - 1 for _, vectors in items.values())


def test_all_items_are_hits_in_one_order_whatever_the_page(gallery: tuple[Path, Items]) -> None:
    folder, items = gallery
    view, queries = opened(folder).view(), unit(3, 5)
    whole = search(view, queries, SearchRequest(k=COUNT + 50))
    paged = [search(view, queries, SearchRequest(k=90, offset=offset)) for offset in range(0, COUNT, 90)]
    for number, result in enumerate(whole):
        ids = [hit.item.id for hit in result.hits]
        assert sorted(ids) == sorted(items)
        assert ids == [hit.item.id for page in paged for hit in page[number].hits]


def test_changes_a_compaction_and_a_roll_back_keep_the_images(tmp_path: Path) -> None:
    items = random_items(COUNT, 2)
    build(tmp_path, items, "flat")
    first = snapshot.current(tmp_path)
    fresh = random_items(150, 3) | random_items(60, 4, prefix="new")  # of which i0 to i149 are replaced
    changes: list[Change] = [put(id, item) for id, item in fresh.items()]
    gone = [f"i{number}" for number in range(100, 300)]
    after = {id: item for id, item in (items | fresh).items() if id not in gone}
    gallery = opened(tmp_path)
    gallery.change([*changes, *map(Delete, gone)])
    for colours in (None, [0, 1], [3]):
        check(gallery.view(), after, colours=colours, seed=6)
    assert gallery.view().rows.image_count() == sum(len(vectors) for _, vectors in after.values())
    known = {id: [image.content for image in upsert.images] for id in after if (upsert := gallery.view().upsert(id))}
    assert known == {id: contents(id, len(vectors)) for id, (_, vectors) in after.items()}
    check(opened(tmp_path).view(), after)  # the journal read again
    compact(tmp_path, progress=quiet)
    view = opened(tmp_path).view()
    assert view.manifest.count == len(after)
    assert view.manifest.images == sum(len(vectors) - 1 for _, vectors in after.values())
    check(view, after, colours=[0, 1], atol=ROUNDED)
    check(view, after, atol=ROUNDED)
    roll_back(tmp_path, first)
    check(opened(tmp_path).view(), after)


def test_rules_apply_to_items_and_references_to_their_first_images(gallery: tuple[Path, Items]) -> None:
    folder, items = gallery
    view = opened(folder).view()
    id = next(id for id, (_, vectors) in items.items() if len(vectors) > 2)
    query = items[id][1][2:3]
    (plain,) = search(view, query, SearchRequest(k=10))
    assert (plain.hits[0].item.id, plain.hits[0].image) == (id, 2)
    (without,) = search(view, query, SearchRequest(k=10, references=(id,)))
    assert id not in [hit.item.id for hit in without.hits]
    (file,) = search(view, query, SearchRequest(k=10, contents=frozenset({f"{id}/2"})))
    assert id not in [hit.item.id for hit in file.hits] and len(file.hits) == 10
    pinned = plain.hits[5].item.id
    (arranged,) = search(view, query, SearchRequest(k=10, pinned=(pinned,), exclude=frozenset({id})))
    assert arranged.hits[0].item.id == pinned and id not in [hit.item.id for hit in arranged.hits]
    (grouped,) = search(view, query, SearchRequest(k=10, group_by="colour"))
    assert len(grouped.hits) == COLOURS and grouped.hits[0].item.id == id
    np.testing.assert_allclose(view.vector(id), items[id][1][0], atol=1e-3)


def test_few_lists_give_exact_scores_and_no_item_twice(tmp_path: Path) -> None:
    items = random_items(COUNT, 7)
    encodings: Sequence[Encoding] = ("flat", "sq8", "rabitq")
    for encoding in encodings:
        folder = tmp_path / encoding
        folder.mkdir()
        build(folder, items, encoding)
        view, queries = opened(folder).view(), unit(5, 8)
        assert view.manifest.nlist > 2
        short, long = (search(view, queries, SearchRequest(k=k, nprobe=2)) for k in (40, 200))
        for one, other in zip(short, long, strict=True):
            assert [hit.item.id for hit in one.hits] == [hit.item.id for hit in other.hits][:40]
        for query, result in zip(queries, long, strict=True):
            ids = [hit.item.id for hit in result.hits]
            assert len(set(ids)) == len(ids) == 200
            best = [float(cosines(items[id][1], query).max()) for id in ids]
            np.testing.assert_allclose([hit.score for hit in result.hits], best, atol=EXACT)


def test_a_gallery_of_single_images_has_the_files_it_always_had(tmp_path: Path) -> None:
    items = {id: (colour, vectors[:1]) for id, (colour, vectors) in random_items(50, 9).items()}
    build(tmp_path, items, "flat")
    live = snapshot.live(tmp_path)
    assert live.manifest.images is None and "images" not in (live.path / "manifest.json").read_text()
    assert not (live.path / snapshot.FURTHER).exists()
    check(opened(tmp_path).view(), items)
