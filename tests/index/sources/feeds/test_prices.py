"""Prices become numbers with their currency, in every locale, and what is in doubt stays text."""

from pathlib import Path

import pytest

from index.sources.feeds import prices
from index.sources.rows import rows
from tests.index.sources.test_rows import write_csv


@pytest.mark.parametrize(
    ("cell", "value", "currency"),
    [
        ("1.299,00 €", 1299.0, "EUR"), ("12.99 USD", 12.99, "USD"), ("£5", 5.0, "GBP"), ("1,299.00", 1299.0, ""),
        ("1 299,00 €", 1299.0, "EUR"), ("1\u202f299,00\xa0€", 1299.0, "EUR"), ("1'299.00 CHF", 1299.0, "CHF"),
        ("CHF 1’299.–", 1299.0, "CHF"), ("-5 €", -5.0, "EUR"), ("12,5", 12.5, ""), ("0.125 KWD", 0.125, "KWD"),
        ("1,23,456.00 ₹", 123456.0, "INR"), ("R$ 1.234,56", 1234.56, "BRL"), ("19,- €", 19.0, "EUR"),
        ("kr 199,00", 199.0, ""), ("1.299.000 ₫", 1299000.0, "VND"), ("EUR12.50", 12.5, "EUR"), ("0 €", 0.0, "EUR"),
        ("¥12,800", 12800.0, "JPY"), ("$1,299", 1299.0, "USD"), ("1.299 €", 1299.0, "EUR"), ("1.299,-", 1299.0, ""),
    ],
)  # fmt: skip
def test_a_price_is_a_number_and_a_currency(cell: str, value: float, currency: str) -> None:
    found = prices.read("price", [cell, None])
    assert found is not None
    assert (list(found.values), list(found.currencies)) == ([value, None], [currency, ""])


@pytest.mark.parametrize(
    "cell",
    [
        "1.299", "1,299", "1.250 KWD", "ab 5 €", "2 for 5 €", "10-20 €", "10 – 20 EUR", "20 %", "12.99 USD/m", "5€99",
        "2024-05-01", "A12", "1e3", "free", "5 all", "1.2.3", "1,2,3", "1.29.900", "€ 5 $", "9" * 50 + " €", "007 €",
    ],
)  # fmt: skip
def test_what_is_in_doubt_is_no_price(cell: str) -> None:
    assert prices.read("price", [cell]) is None


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.299 €", "19,50 €"], [1299.0, 19.5]),
        (["1.299", "19,50"], [1299.0, 19.5]),
        (["1.299 €", "12.5 €"], [1.299, 12.5]),
        (["1,299", "12.50", "7"], [1299.0, 12.5, 7.0]),
        (["1.299,00 €", "1,299.00 €"], [1299.0, 1299.0]),
    ],
)
def test_the_cells_of_a_column_decide_its_decimal_mark(cells: list[str], values: list[float]) -> None:
    found = prices.read("Preis", cells)
    assert found is not None and list(found.values) == values


def test_other_columns_are_prices_by_their_currency_alone() -> None:
    assert prices.read("deposit", ["5 €", "6,50 €"]) is not None
    for cells in (["6 ft", "8 ft"], ["40 TOP"], ["5 €", "38"], ["12,5"], ["5 kr"]):
        assert prices.read("length", cells) is None


def test_the_currency_becomes_an_attribute(tmp_path: Path) -> None:
    records = [
        {"id": "1", "image": "a.png", "Price": "1.299,00 €", "shipping": "4,95 €", "deposit": "5 USD"},
        {"id": "2", "image": "a.png", "Price": "", "shipping": "0 €", "deposit": "3 USD"},
    ]
    notes: list[str] = []
    first, second = rows(write_csv(tmp_path / "t.csv", records), note=notes.append)
    expected = {"price": 1299.0, "shipping": 4.95, "deposit": 5.0, "currency": "EUR", "deposit_currency": "USD"}
    assert first.attributes == expected
    assert second.attributes == expected | {"price": None, "shipping": 0.0, "deposit": 3.0}
    assert [("'deposit_currency'" in note) for note in notes] == [True]


def test_a_table_with_a_currency_column_keeps_it(tmp_path: Path) -> None:
    records = [{"id": "1", "image": "a.png", "price": "5 €", "Currency": "EUR"}]
    (row,) = rows(write_csv(tmp_path / "t.csv", records))
    assert row.attributes == {"price": 5.0, "currency": "EUR"}


def test_prices_in_doubt_stay_text_with_a_note(tmp_path: Path) -> None:
    records = [{"id": str(row), "image": "a.png", "price": cell} for row, cell in enumerate(["1.299", "2.499", "899"])]
    notes: list[str] = []
    found = [row.attributes["price"] for row in rows(write_csv(tmp_path / "t.csv", records), note=notes.append)]
    assert found == ["1.299", "2.499", "899"]
    assert [("'1.299' in row 1" in note) for note in notes] == [True]


@pytest.mark.parametrize(("cells", "sign"), [(["$5", "$6"], "'$'"), (["5 kr"], "'kr'"), (["5 €", "5 USD"], "EUR, USD")])
def test_currencies_that_may_surprise_are_noted(cells: list[str], sign: str) -> None:
    found = prices.read("price", cells)
    assert found is not None and any(sign in note for note in found.notes)
