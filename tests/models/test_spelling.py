"""Slips of the finger: put right if one of the bundle's words is one letter away, and bounded."""

import time

import pytest

from models.spelling import Spelling

SPELLING = Spelling(
    ["blue", "dress", "sleeves", "long", "dots", "shirt", "shorts", "striped"],
    common=["lose", "gloves", "stripped", "shirts"],
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("bleu dress", "blue dress"),  # two neighbours swapped
        ("Long SLEVES!", "Long sleeves!"),  # a letter lost
        ("a dresss", "a dress"),  # added
        ("shirr", "shirt"),  # replaced
        ("lose gloves, stripped", "lose gloves, stripped"),  # common words
        ("green shrits", "green shirts"),  # the plural of a word
        ("dts, lnog", "dots, long"),  # a short word may be one of the frequent words
        ("ots, dot, fots", "ots, dot, dots"),  # but not without its first or last letter
        ("ds", "ds"),  # too short to tell
        ("fjord tartan 12345 naïve", "fjord tartan 12345 naïve"),  # near to none
    ],
)
def test_a_slip_is_put_right_and_nothing_else(typed: str, read: str) -> None:
    assert SPELLING.corrected(typed) == read


def test_the_same_first_letter_and_then_frequency_decide() -> None:
    assert Spelling(["hots", "dots"], common=()).corrected("dotss hotss") == "dots hots"
    assert Spelling(["beat", "boat"], common=()).corrected("bxat") == "beat"
    assert Spelling(["boat", "beat"], common=()).corrected("bxat") == "boat"


def test_a_hostile_text_takes_little_time() -> None:
    text = " ".join(f"qzx{'abcdefghijklmnopqrstuvw'[number % 23] * 18}" for number in range(5_000))
    began = time.process_time()
    assert SPELLING.corrected(text) == text
    assert time.process_time() - began < 1
