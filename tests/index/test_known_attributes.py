"""An attribute that a gallery once had can be filtered, counted and grouped by, even if no item has it any more."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back
from index.edits import Put
from index.gallery import Gallery
from index.items.attribute_types import AttributeTypes
from index.items.filters import parse
from index.search.request import SearchRequest
from index.storage.changes import Delete
from models.encoder import Encoder
from models.errors import InputError
from tests.index.uploads import apply, opened, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

COUNT = 3


@pytest.fixture
def table(tmp_path: Path, draw: "Draw") -> Path:
    draw(tmp_path / "images", COUNT)
    rows = [{"id": f"{row}", "image": f"images/{row:04d}.png", "price": row, "size": None} for row in range(COUNT)]
    path = tmp_path / "table.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def folder(tmp_path: Path, table: Path, encoder: Encoder) -> Path:
    build(table, tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


KNOWN: AttributeTypes = {"price": "integer", "size": None, "sale": "boolean", "brand": "text"}


def test_an_attribute_stays_known_with_its_type(folder: Path, table: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    assert (
        apply([Put("0", None, {"sale": True}), Put("1", None, {"brand": "Acme"}, merge=True)], gallery, encoder)
        == [None] * 2
    )
    assert dict(gallery.view().rows.types) == KNOWN
    assert (
        apply([Put("0", None, {"price": 1}), Put("1", None, {"brand": None}, merge=True)], gallery, encoder)
        == [None] * 2
    )
    for step in ("served", "opened again", "compacted", "compacted again", "built again"):
        if step.startswith("compacted"):
            apply([Put("2", None, {"price": 5}, merge=True)], gallery, encoder)
            compact(folder, progress=quiet)
        if step == "built again":
            build(table, folder, encoder, progress=quiet)
        if step != "served":
            gallery = opened(folder, encoder)
        assert dict(gallery.view().rows.types) == KNOWN, step
        for name, value in (("sale", True), ("brand", "Acme"), ("size", 1)):
            assert totals(gallery, name, value) == (0, []), step
        with pytest.raises(InputError, match=r"'prize': .*'price', 'size', 'sale', 'brand'"):
            gallery.view().check(SearchRequest(facets=("prize",)))
        (problem,) = apply([Put("0", None, {"sale": "yes"}, merge=True)], gallery, encoder)
        assert isinstance(problem, InputError) and "'sale'" in str(problem)
    assert apply([Put("0", None, {"sale": False, "brand": 7, "size": "M"}, merge=True)], gallery, encoder) == [None]
    assert totals(gallery, "sale", False) == (1, [(False, 1)])
    assert totals(gallery, "brand", "7") == (1, [("7", 1)])


def test_a_compaction_leaves_out_what_its_attribute_cannot_hold(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    before = gallery.view().upsert("1")
    assert before is not None
    odd = replace(before.item, attributes={"price": "cheap", "brand": "Acme"})  # as an earlier version accepted it
    gallery.change([replace(before, item=odd)])
    (note,) = compact(folder, progress=quiet).notes
    assert "'price'" in note and "'1'" in note
    gallery = opened(folder, encoder)
    assert gallery.view().rows.types["price"] == "integer"
    assert gallery.view().item("1").attributes == {"brand": "Acme"}
    assert totals(gallery, "price", 2)[0] == 1


def test_a_gallery_without_items_refuses_no_attribute(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    with pytest.raises(InputError, match="'sale'"):
        totals(gallery, "sale", True)
    assert apply([Delete(f"{row}") for row in range(COUNT)], gallery, encoder) == [None] * COUNT
    for name in ("price", "sale"):
        assert totals(gallery, name, True) == (0, [])


def test_an_attribute_stays_known_after_a_roll_back(folder: Path, table: Path, encoder: Encoder) -> None:
    first = opened(folder, encoder).manifest.name
    rows = [json.loads(line) | {"season": "summer", "size": 3} for line in table.read_text().splitlines()]
    table.write_text("\n".join(map(json.dumps, rows)))
    build(table, folder, encoder, progress=quiet)
    assert totals(opened(folder, encoder), "season", "summer") == (COUNT, [("summer", COUNT)])
    roll_back(folder, first)
    for _ in range(2):
        gallery = opened(folder, encoder)
        assert gallery.view().rows.types == {"price": "integer", "size": "integer", "season": "text"}
        assert totals(gallery, "season", "summer") == (0, [])
        apply([Put("2", None, {"price": 5}, merge=True)], gallery, encoder)
        compact(folder, progress=quiet)


def totals(gallery: Gallery, name: str, value: object) -> tuple[int, object]:
    """How many items have that value, and the counts of all values of the attribute."""
    view = gallery.view()
    wanted = SearchRequest(filter=parse({name: value}), facets=(name,), group_by=name)
    view.check(wanted)
    query = view.rows.vectors(np.array([0]))
    (result,) = view.search(query, [wanted])
    return result.total, result.facets[name]
