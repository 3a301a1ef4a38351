"""Typos that can be undone with the vocabulary, against an edit distance by table."""

import hashlib
import re
from random import Random

import pytest

from training.catalogue.language.comparatives import COMPARED
from training.catalogue.language.nouns import vocabulary
from training.catalogue.language.spelling import add_typos
from training.catalogue.triplets import draw_questions
from training.catalogue.world.sample import catalogue

WORD = re.compile("[a-z]+")
SPELT = [one.modification.spelt for one in draw_questions(catalogue(1_000, split="test", seed=3), 400, seed=3)]
SLIPPED = [add_typos(text, Random(f"badly/{number}")) for number, text in enumerate(SPELT)]
COMPARATIVES = [phrase for pair in COMPARED.values() for ways in pair for said in ways.values() for phrase in said]
VALUES = {word for phrase in (*vocabulary(), *COMPARATIVES) for word in WORD.findall(phrase.lower())}
# Words of other texts, too, none of which were changed here.
WORLD = VALUES | {
    word
    for one in draw_questions(catalogue(2_000, split="train", seed=5), 1_500, seed=5)
    for word in WORD.findall(one.modification.spelt.lower())
}
WORLD |= {word for text in SPELT for word in WORD.findall(text.lower())}


def slips(one: str, other: str) -> int:
    """Count letters lost, added, replaced or swapped with the next one, by the full table."""
    table = [[i + j if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and (a, b) == (other[j - 2], one[i - 2]):
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def wrong_words() -> list[tuple[str, str]]:
    """Return each word that a typo changed, before and after."""
    found = []
    for right, wrong in zip(SPELT, SLIPPED, strict=True):
        found += list(zip(WORD.findall(right.lower()), WORD.findall(wrong.lower()), strict=True))
    return [(right, wrong) for right, wrong in found if right != wrong]


@pytest.mark.slow
def test_each_slip_leads_back_to_one_word_of_the_world() -> None:
    for right, wrong in set(wrong_words()):
        near = {word for word in WORLD if abs(len(word) - len(wrong)) < 2 and slips(word, wrong) <= 1}
        assert near == {right}, (right, wrong)


def test_only_letters_inside_words_change_and_at_most_three_words_do() -> None:
    for right, wrong in zip(SPELT, SLIPPED, strict=True):
        assert re.sub("[A-Za-z]+", "", wrong) == re.sub("[A-Za-z]+", "", right)
        before, after = re.findall("[A-Za-z]+", right), re.findall("[A-Za-z]+", wrong)
        changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        assert len(changed) <= 3
        assert all(one[0] == other[0] and len(one) >= 4 for one, other in changed)


def test_nearly_every_text_is_misspelt_mostly_in_a_word_that_says_a_value() -> None:
    differing = [(right, wrong) for right, wrong in zip(SPELT, SLIPPED, strict=True) if right != wrong]
    assert len(differing) > 0.98 * len(SPELT)
    told = sum(
        any(word in VALUES and word not in WORD.findall(wrong.lower()) for word in WORD.findall(right.lower()))
        for right, wrong in differing
    )
    assert told > 0.9 * len(differing)
    assert 1.5 < len(wrong_words()) / len(differing) < 2.5


def test_a_text_of_short_words_stays_as_it_is() -> None:
    assert add_typos("in red", Random(1)) == "in red"


def test_the_same_lot_makes_the_same_slips_on_every_machine() -> None:
    digest = hashlib.sha256("\n".join(SLIPPED[:200]).encode()).hexdigest()
    assert digest == "1a50840221a04c2d72c112d408658c906b71287bf50197ca8c524b26ed610522"
