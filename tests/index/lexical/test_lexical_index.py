"""The words of items: found as a plain loop over the items finds them, whatever a text holds, with bounded work."""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.lexical import lexical_index, matching
from index.lexical.lexical_index import Item, LexicalIndex
from index.lexical.matching import PARTLY, POWER, LexicalMatches, matches
from index.lexical.words import DEFAULT_NAMES, matched, words
from index.sources.cells import Value
from models.errors import GalleryBroken, GalleryError

COLOURS = ("red", "blue", "green")
NOUNS = ("mug", "dress", "sofa", "T-shirt")
BRANDS = ("Fjord", "Café Ñandú", "O'Neill & Sons", "東京")


def shop(count: int, seed: int = 0) -> list[Item]:
    drawn = random.Random(seed)
    items: list[Item] = []
    for number in range(count):
        attributes: Mapping[str, Value] = {
            "Title": f"{drawn.choice(COLOURS)} {drawn.choice(NOUNS)} no. {number}",
            "brand": drawn.choice(BRANDS),
            "sku": f"AB-{number:05d}/x",
            "gtin": 4006381333931 + number,
            "note": "a secret word",
        }
        items.append((f"item_{number}", attributes))
    return items


def found(text: str, *indexes: LexicalIndex, count: int = 10_000) -> LexicalMatches:
    return matches(text, indexes, np.ones(count, np.bool_))


def first(text: str, *indexes: LexicalIndex) -> int:
    result = found(text, *indexes)
    return int(result.rows[np.argmax(result.strengths)])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    path = tmp_path_factory.mktemp("lexical") / "lexical.sqlite"
    lexical_index.write(path, DEFAULT_NAMES, shop(500))
    return LexicalIndex.open(path, DEFAULT_NAMES)


def naive(text: str, items: Sequence[Item]) -> dict[int, float]:
    """The strength of every row that has a word of the text, by loops."""
    query = list(dict.fromkeys(words(text)))
    values = [[str(value) for name, value in each.items() if name.lower() in DEFAULT_NAMES] for _, each in items]
    rows = [[words(value) for value in [id, *texts]] for (id, _), texts in zip(items, values, strict=True)]
    sets = [{word for value in row for word in value} for row in rows]
    counts = {word: sum(word in each for each in sets) for word in query}
    weights = {word: math.log(1 + len(items) / max(1, counts[word])) for word in query}
    strengths = {}
    for number, row in enumerate(rows):
        share = sum(weights[word] for word in query if word in sets[number]) / (sum(weights.values()) or 1)
        whole = "".join(words(text)) in ["".join(value) for value in row]
        strength = 1.0 if whole else PARTLY * share**POWER
        if strength >= matching.FAINT:
            strengths[number] = strength
    return strengths


TEXTS = ["red mug", "Fjord", "cafe nandu", "a RED dress, by Fjord!", "blue sofa no. 17", "AB-00042/x", "tshirt", "東京"]


@pytest.mark.parametrize("text", TEXTS)
def test_matches_are_those_of_a_plain_loop_over_all_items(index: LexicalIndex, text: str) -> None:
    result, expected = found(text, index), naive(text, shop(500))
    assert result.rows.tolist() == sorted(expected)
    np.testing.assert_allclose(result.strengths, [expected[row] for row in result.rows.tolist()], rtol=1e-5)


def test_every_id_title_and_code_finds_its_item_first(index: LexicalIndex) -> None:
    for row, (id, attributes) in enumerate(shop(500)):
        for text in (id, attributes["Title"], attributes["sku"], str(attributes["gtin"])):
            assert first(str(text), index) == row


@pytest.mark.parametrize("around", ['"{}"', "({})", "[{}]", "#{}", "{}:", "…{}?!", "'{}'", "-{}*", "^{}"])
def test_punctuation_around_words_changes_nothing(index: LexicalIndex, around: str) -> None:
    plain, dressed = found("red mug", index), found(around.format("red mug"), index)
    assert plain.rows.tolist() == dressed.rows.tolist() and len(plain.rows)
    np.testing.assert_array_equal(plain.strengths, dressed.strengths)


def test_case_accents_and_hyphens_change_nothing(index: LexicalIndex) -> None:
    for text in ("CAFÉ ÑANDÚ", "cafe nandu", "Cafe\u0301 Nandu"):
        assert found(text, index).rows.tolist() == found("Café Ñandú", index).rows.tolist()
    assert first("ab00042x", index) == first("AB 00042 X", index) == 42


def test_attributes_that_are_not_chosen_are_not_read(index: LexicalIndex) -> None:
    assert not len(found("secret", index).rows)
    chosen = LexicalIndex.in_memory(["note"])
    chosen.add(0, shop(3))
    assert found("secret", chosen).rows.tolist() == [0, 1, 2] and not len(found("Fjord", chosen).rows)


def test_rows_of_a_later_index_are_weighed_with_those_of_the_first(index: LexicalIndex) -> None:
    items = [*shop(500), ("new", {"title": "violet mug", "brand": "Fjord"})]
    changes = LexicalIndex.in_memory(DEFAULT_NAMES)
    changes.add(500, items[500:])
    for text in ("violet mug", "mug", "new", "Fjord"):
        result, expected = found(text, index, changes), naive(text, items)
        assert result.rows.tolist() == sorted(expected)
        np.testing.assert_allclose(result.strengths, [expected[row] for row in result.rows.tolist()], rtol=1e-5)
    assert 500 not in found("violet mug", index, changes, count=500).rows  # a view from before it was added


HOSTILE = [
    '"', "'; DROP TABLE terms; --", "* OR *", "NOT mug", "words: mug", "{a b}: c", "mug AND", "NEAR(a b, 2)", "\0", "^",
    "mug + mug", "ß" * 500, "\u202e\ud800", "ﷺ" * 1999, "(" * 1000, "mug*", "🙂", "   ", "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_read_as_an_operator_or_fails(index: LexicalIndex, text: str) -> None:
    assert set(found(text, index).rows.tolist()) <= set(naive(text, shop(500)))


def test_work_is_bounded_for_thousands_of_common_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "READ", 50)
    index = LexicalIndex.in_memory(DEFAULT_NAMES)
    index.add(0, [(str(row), {"title": f"red blue rare{row % 200} " * 30}) for row in range(1000)])
    steps = 0
    read = LexicalIndex.rows

    def counted(self: LexicalIndex, *words: Sequence[str], most: int) -> object:
        nonlocal steps
        steps += 1
        rows = read(self, *words, most=most)
        assert len(rows) <= 50
        return rows

    monkeypatch.setattr(LexicalIndex, "rows", counted)
    assert len(found("red blue", index).rows) == 50  # all words are common: the first rows that have them all
    both = found("red blue rare7", index)
    assert both.rows.tolist() == list(range(7, 1000, 200))
    np.testing.assert_allclose(both.strengths, PARTLY, rtol=1e-5)
    steps = 0
    found(" ".join(f"rare{number} red blue" for number in range(3000)), index)
    assert 0 < steps <= matching.QUERY_WORDS


def test_matched_names_the_attributes_that_have_the_words() -> None:
    (id, attributes), *_ = shop(1)
    assert matched("item_0", id, attributes, DEFAULT_NAMES) == ["id"]
    assert matched(f"a {attributes['Title']}", id, attributes, DEFAULT_NAMES) == ["id", "Title"]
    assert matched("ab00000x", id, attributes, DEFAULT_NAMES) == ["sku"]
    assert matched("secret", id, attributes, DEFAULT_NAMES) == []


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "lexical.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(GalleryBroken, match=r"lexical\.sqlite"):
        LexicalIndex.open(tmp_path / "lexical.sqlite", DEFAULT_NAMES)


def test_a_folder_that_is_missing_is_said_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="missing"):
        lexical_index.write(tmp_path / "missing" / "lexical.sqlite", DEFAULT_NAMES, shop(1))
