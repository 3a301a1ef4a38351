"""The columns of a CSV table: numbers are numbers, codes keep every letter, and words for an empty cell are empty."""

from pathlib import Path

import pytest

from index.sources.rows import Value, rows
from tests.index.sources.test_rows import write_csv


def test_article_numbers_stay_exact_in_csv(tmp_path: Path) -> None:
    columns: dict[str, tuple[list[str], list[Value]]] = {
        "long": (["12345678901234567890", "7"], ["12345678901234567890", "7"]),
        "whole": (["123456789012345678", "-7"], [123456789012345678, -7]),
        "price": (["10", "9.5"], [10.0, 9.5]),
        "small": (["1e-3", "2"], [0.001, 2.0]),
        "code": (["12E4", "1204"], ["12E4", "1204"]),
        "mixed": (["123456789012345678", "9.5"], ["123456789012345678", "9.5"]),  # no float holds the first
    }
    records = [
        {"id": str(row), "image": "a.png", **{name: cells[row] for name, (cells, _) in columns.items()}}
        for row in range(2)
    ]
    found = list(rows(write_csv(tmp_path / "t.csv", records)))
    for name, (_, expected) in columns.items():
        values = [row.attributes[name] for row in found]
        assert values == expected, name
        assert [type(value) for value in values] == [type(value) for value in expected], name


@pytest.mark.parametrize(
    ("cells", "values", "noted"),
    [
        (["19.5", "NA", "5"], [19.5, None, 5.0], "'NA' (row 2)"),
        (["7", " n/a ", "-", ""], [7, None, None, None], "'n/a' (row 2)"),
        (["true", "None", "false"], [True, None, False], "'None' (row 2)"),
        ([" 3", "4 "], [3, 4], ""),
        (["NA", "n/a"], ["NA", "n/a"], ""),
        (["NA", "FR"], ["NA", "FR"], ""),
        (["5", "sold out", "7"], ["5", "sold out", "7"], "'sold out' in row 2"),
        (["1.299,00 €", "19,50 €"], ["1.299,00 €", "19,50 €"], "'1.299,00 €' in row 1"),
        (["EUR 20", "EUR 3"], ["EUR 20", "EUR 3"], "'EUR 20' in row 1"),
        (["007", "12", "x"], ["007", "12", "x"], ""),
        (["12E4", "7E12", "1204"], ["12E4", "7E12", "1204"], ""),
        (["4006381333931", "0012345678905"], ["4006381333931", "0012345678905"], ""),
        (["2024-05-01", "2024-05-02"], ["2024-05-01", "2024-05-02"], ""),
        (["A12", "B13"], ["A12", "B13"], ""),
    ],
)
def test_a_csv_column_of_numbers_may_have_words_for_empty_cells(
    tmp_path: Path, cells: list[str], values: list[Value], noted: str
) -> None:
    records = [{"id": str(number), "image": "a.png", "x": cell} for number, cell in enumerate(cells)]
    notes: list[str] = []
    read = [row.attributes["x"] for row in rows(write_csv(tmp_path / "t.csv", records), note=notes.append)]
    assert read == values and [type(value) for value in read] == [type(value) for value in values]
    assert len(notes) == bool(noted) and all(noted in note and "'x'" in note for note in notes)
