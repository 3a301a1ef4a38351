"""Sorted, shortened and moved hits are those of a plain loop over the first hits, on pages that fit together."""

import itertools
from random import Random

import numpy as np
import pytest

from index.build.compact import compact
from index.build.create import create
from index.edits import Put
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.search.result_order import ResultOrder, SortKey
from index.sources.cells import Value
from index.storage.changes import Delete
from models.arrays import Embeddings
from models.encoder import Encoder
from models.errors import InputError
from tests.index.uploads import apply, opened, picture, quiet

COUNT = 60
KEYS = [SortKey("price"), SortKey("price", True), SortKey("brand"), SortKey("brand", True), SortKey("in_stock", True)]


def attributes(number: int) -> dict[str, Value]:
    """Attributes with ties and missing values."""
    found: dict[str, Value] = {"in_stock": number % 3 != 0, "tags": ["a", "b"]}
    if number % 5:
        found["price"] = float(number % 7)
    if number % 4:
        found["brand"] = ("Cove", "acme", "Fjord", "acme")[number % 4]
    return found


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Gallery:
    """Items in a snapshot and in the changes since."""
    folder = tmp_path_factory.mktemp("ordered")
    create(folder / "gallery", encoder.manifest)
    puts = [Put(f"i{number:02d}", [picture(number)], attributes(number)) for number in range(COUNT)]
    apply(puts[:40], opened(folder / "gallery", encoder), encoder)
    compact(folder / "gallery", progress=quiet)
    changed = opened(folder / "gallery", encoder)
    apply([*puts[40:], Put("i03", None, attributes(4)), Delete("i05")], changed, encoder)
    return changed


@pytest.fixture(scope="module")
def query(encoder: Encoder) -> Embeddings:
    return encoder.gallery(encoder.preprocess(picture(0), max_pixels=10**6)[np.newaxis])


def ids(gallery: Gallery, query: Embeddings, request: SearchRequest) -> list[str]:
    gallery.view().check(request)
    return [hit.item.id for hit in gallery.view().search(query, [request])[0].hits]


def naive(gallery: Gallery, query: Embeddings, order: ResultOrder, pinned: tuple[str, ...]) -> list[str]:
    """Sort the first hits with a comparison of whole keys."""
    hits = gallery.view().search(query, [SearchRequest(k=order.window, pinned=pinned)])[0].hits
    front, hits = hits[: len(pinned)], hits[len(pinned) :]
    if order.min_score is not None:
        hits = [hit for hit in hits if hit.score >= order.min_score]
    keyed = []
    for rank, hit in enumerate(hits):
        parts: list[object] = [hit.item.attributes.get("in_stock") is False] if order.last is not None else []
        for key in order.sort:
            assert key.attribute is not None
            values = sorted({str(other.item.attributes.get(key.attribute, "")).casefold() for other in hits})
            value = hit.item.attributes.get(key.attribute)
            place = values.index(str(value).casefold()) if value is not None else 0
            parts += [value is None, -place if key.descending else place]
        keyed.append((parts, rank, hit.item.id))
    return [hit.item.id for hit in front] + [id for _, _, id in sorted(keyed)]


def test_hits_are_sorted_as_by_whole_keys(gallery: Gallery, query: Embeddings) -> None:
    random, last = Random(0), parse({"in_stock": False})
    for keys in [(), *[(key,) for key in KEYS], *itertools.permutations(KEYS, 2)]:
        score = random.choice([None, 0.4, 0.6, 2.0])
        order = ResultOrder(keys, random.choice([None, last]), score, random.choice([10, 40, 100]))
        pinned = random.choice([(), ("i07", "i50")])
        if order.is_plain:
            continue
        expected = naive(gallery, query, order, pinned)
        for k in (7, 200):
            pages = [
                ids(gallery, query, SearchRequest(k=k, offset=offset, order=order, pinned=pinned))
                for offset in range(0, 100, k)
            ]
            assert [id for page in pages for id in page] == expected, order


def test_rules_come_before_the_order(gallery: Gallery, query: Embeddings) -> None:
    order = ResultOrder((SortKey("price"),), window=50)
    request = SearchRequest(k=50, order=order, group_by="price", filter=parse({"in_stock": True}))
    hits = gallery.view().search(query, [request])[0].hits
    prices = [hit.item.attributes.get("price") for hit in hits]
    with_price = [price for price in prices if price is not None]
    assert with_price == sorted(set(with_price)) and len(with_price) == 7
    assert prices[len(with_price) :] == [None] * (len(prices) - len(with_price))


def test_a_least_score_is_counted_and_may_leave_nothing(gallery: Gallery, query: Embeddings) -> None:
    (plain, some, none) = gallery.view().search(
        np.repeat(query, 3, axis=0),
        [SearchRequest(k=5), *(SearchRequest(k=5, order=ResultOrder(min_score=score)) for score in (0.0, 1.5))],
    )
    assert (plain.matches, len(plain.hits)) == (None, 5)
    assert some.matches is not None and some.matches >= len(some.hits) == 5
    assert (none.matches, none.hits, len(none.notes)) == (0, [], 1)


def test_only_the_named_attributes_are_returned(gallery: Gallery, query: Embeddings) -> None:
    for fields, names in ((("price",), {"price"}), ((), set[str]()), (None, {"price", "brand", "in_stock", "tags"})):
        hits = gallery.view().search(query, [SearchRequest(k=COUNT, fields=fields)])[0].hits
        assert {name for hit in hits for name in hit.item.attributes} == names


def test_an_order_that_cannot_be_is_refused(gallery: Gallery) -> None:
    for order in (
        ResultOrder((SortKey("tags"),)),
        ResultOrder((SortKey("colour"),)),
        ResultOrder(last=parse({"colour": "red"})),
        ResultOrder(min_score=0.5, window=1001),
    ):
        with pytest.raises(InputError):
            gallery.view().check(SearchRequest(order=order))
    with pytest.raises(InputError, match="colour"):
        gallery.view().check(SearchRequest(fields=("colour",)))
