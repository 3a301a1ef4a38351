"""Browsed pages are those of a plain loop over the items: filtered, sorted, some last, each item once."""

import itertools

import pytest

from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.search.result_order import ResultOrder, SortKey
from index.sources.cells import Value
from index.storage import row_order
from models.errors import InputError
from tests.index.search.test_result_order import COUNT, attributes
from tests.index.search.test_result_order import gallery as gallery

KEYS = [SortKey("price"), SortKey("price", True), SortKey("brand"), SortKey("brand", True), SortKey("in_stock", True)]
ITEMS = {f"i{number:02d}": attributes(number) for number in range(COUNT)} | {"i03": attributes(4)}
ITEMS.pop("i05")


def ids(gallery: Gallery, request: SearchRequest) -> list[str]:
    return [item.id for item in gallery.view().browse(request).items]


def test_pages_have_each_item_once_in_a_mixed_order(gallery: Gallery) -> None:
    everything = ids(gallery, SearchRequest(k=100))
    assert sorted(everything) == sorted(ITEMS) and everything != sorted(everything)
    pages = [ids(gallery, SearchRequest(k=7, offset=offset)) for offset in range(0, 70, 7)]
    assert list(itertools.chain(*pages)) == everything
    assert ids(gallery, SearchRequest(k=7, filter=parse({"brand": "unknown"}))) == []


def sort_key(value: Value, descending: bool) -> tuple[bool, float]:
    """Return what sorts a value in this direction, missing ones last."""
    texts = ("acme", "cove", "fjord")
    number = texts.index(value.casefold()) if isinstance(value, str) else 0.0 if value is None else float(value)  # type: ignore[arg-type]  # a list is never sorted by
    return value is None, -number if descending else number


@pytest.mark.parametrize("keys", list(itertools.permutations(KEYS, 2)))
def test_items_are_sorted_and_some_come_last(gallery: Gallery, keys: tuple[SortKey, ...]) -> None:
    conditions = {"price": {"not": 3.0}}
    request = SearchRequest(k=100, filter=parse(conditions), order=ResultOrder(keys, parse({"in_stock": False})))
    expected = ids(gallery, SearchRequest(k=100, filter=parse(conditions)))
    assert sorted(expected) == sorted(id for id in ITEMS if ITEMS[id].get("price") != 3.0)
    for key in reversed(keys):
        expected.sort(key=lambda id, key=key: sort_key(ITEMS[id].get(key.attribute), key.descending))  # type: ignore[misc]  # mypy: a default of a lambda
    expected.sort(key=lambda id: ITEMS[id]["in_stock"] is False)
    assert ids(gallery, request) == expected
    shifted = SearchRequest(k=5, offset=4, filter=request.filter, order=request.order)
    assert ids(gallery, shifted) == expected[4:9]


def test_facets_count_what_passes_the_filter(gallery: Gallery) -> None:
    request = SearchRequest(k=1, filter=parse({"in_stock": True}), facets=("brand", "price"))
    page = gallery.view().browse(request)
    stocked = [values for values in ITEMS.values() if values["in_stock"]]
    assert page.total == len(stocked)
    brands = [values.get("brand") for values in stocked]
    assert dict(page.facets["brand"]) == {brand: brands.count(brand) for brand in brands if brand is not None}
    prices = [price for values in stocked if isinstance(price := values.get("price"), float)]
    assert page.ranges["price"] == (min(prices), max(prices))


def test_attributes_are_listed_with_their_numbers_of_values(gallery: Gallery) -> None:
    spreads = {spread.name: spread for spread in gallery.view().attributes(lambda: None)}
    for name in ("in_stock", "price", "brand"):
        values = [value for item in ITEMS.values() if (value := item.get(name)) is not None]
        assert (spreads[name].values, spreads[name].items) == (len(set(map(str, values))), len(values))
    assert (spreads["tags"].type, spreads["tags"].values) == ("list of texts", 2)


def test_sorting_is_refused_if_it_would_take_too_long(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "MAX_TEXTS", 2)
    with pytest.raises(InputError, match="brand"):
        ids(gallery, SearchRequest(order=ResultOrder((SortKey("brand"),))))
    assert ids(gallery, SearchRequest(order=ResultOrder((SortKey("price"),))))
    for name in ("unknown", "tags"):
        with pytest.raises(InputError, match=name):
            ids(gallery, SearchRequest(order=ResultOrder((SortKey(name),))))
