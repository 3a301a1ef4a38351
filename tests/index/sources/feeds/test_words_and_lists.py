"""Words for yes, no and stock become booleans, and several texts in a cell a list; words in doubt stay text."""

from pathlib import Path

import pytest

from index.sources.cells import Value
from index.sources.rows import rows
from tests.index.sources.test_rows import write_csv


@pytest.mark.parametrize(
    ("name", "cells", "values"),
    [
        ("new", ["yes", "No", "TRUE"], [True, False, True]),
        ("state", ["in stock", "out_of_stock", ""], [True, False, None]),
        ("state", ["https://schema.org/InStock", "https://schema.org/OutOfStock"], None),
        ("in_stock", ["1", "0", ""], [True, False, None]),
        ("In Stock?", ["Y", "n"], [True, False]),
        ("Verfügbarkeit", ["auf Lager", "ausverkauft"], [True, False]),
        ("availability", ["in stock", "preorder", "backorder"], [True, False, False]),
        ("availability", ["https://schema.org/InStock", "https://schema.org/OutOfStock"], [True, False]),
        ("in_stock", ["3", "0"], [3, 0]),  # a count
        ("flag", ["1", "0"], [1, 0]),
        ("country", ["NO", "NO"], ["NO", "NO"]),
        ("new", ["WAHR", "FALSCH", "nein"], [True, False, False]),
        ("new", ["oui", "non"], [True, False]),
        ("new", ["Sí", "no"], [True, False]),
        ("state", ["available", "available"], ["available", "available"]),
        ("in_stock", ["yes", "perhaps"], ["yes", "perhaps"]),
        ("tags", ["red, summer,red", "", "linen"], [["red", "summer"], None, ["linen"]]),
        ("Sizes", ["S|M, L", "XL"], [["S", "M, L"], ["XL"]]),
        ("sizes", ["36,5", "37"], ["36,5", "37"]),  # one size or two
        ("sizes", ["36; 36,5", "37"], [["36", "36,5"], ["37"]]),
        ("any", ['["S", "M"]', "[]", ""], [["S", "M"], None, None]),
        ("any", ["[S]", "[M]"], ["[S]", "[M]"]),
        ("any", ["[" * 5000 + "]" * 5000], ["[" * 5000 + "]" * 5000]),
        ("title", ["red, blue", "a|b"], ["red, blue", "a|b"]),
    ],
)
def test_a_column_has_the_type_of_all_its_cells(
    tmp_path: Path, name: str, cells: list[str], values: list[Value] | None
) -> None:
    records = [{"id": str(number), "image": "a.png", name: cell} for number, cell in enumerate(cells)]
    found = [next(iter(row.attributes.values())) for row in rows(write_csv(tmp_path / "t.csv", records))]
    expected = cells if values is None else values
    assert found == expected and [type(value) for value in found] == [type(value) for value in expected]
