"""How people spell in a search box: American, without hyphens, and with slips of the finger."""

import re
from functools import cache
from random import Random

from training.catalogue.language.comparatives import COMPARED
from training.catalogue.language.nouns import vocabulary

_WORD = re.compile(r"[a-z]{5,}")
_LETTERS = re.compile(r"[a-z]+")
_LONG = re.compile(r"(?<![A-Za-z])[A-Za-z][a-z]{3,}(?![A-Za-z])")
_SLIPS = 3  # in one text
# What sentences are made of besides names of values and comparatives.
_SENTENCE_WORDS = """
    add all and another anything are as background be but can change color colored colors colour coloured colours d
    darker do drop exactly exchange for get give half has have i instead into is it just lighter like looking lose
    lower me need one ones other part pattern please prefer preferably rather remove replace same second should show
    similar style swap swapped take than that them these thing this those upper want way with you
"""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# The letters to the left and right of each on the keyboard.
_NEIGHBOURS = {
    letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in _ROWS
    for place, letter in enumerate(row)
}


def loosely(text: str, random: Random) -> str:
    """The text as somebody may spell it who knows how: sometimes "color", sometimes "long sleeved"."""
    american, unhyphenated = random.random() < 0.25, random.random() < 0.15
    if american:
        text = text.replace("colour", "color")
    return text.replace("-", " ") if unhyphenated and " - " not in text else text


def misspelt(text: str, random: Random) -> str:
    """The text with one slip inside one of its longer words, which makes no other word of ours of it.

    The same text where it has no longer word.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    while True:
        found = random.choice(words)
        wrong = _slipped(found.group(), random)
        if wrong not in _known():
            return text[: found.start()] + wrong + text[found.end() :]


def badly(text: str, random: Random) -> str:
    """The text with slips in one to three of its words of four letters and more, which can all be undone.

    Each slip leaves a word from which only one word of ours, or of this text, is a slip away; the first is in a word
    that says a value, where one is long enough. The same text where there is nothing to slip in.
    """
    words = list(_LONG.finditer(text))
    random.shuffle(words)
    telling = next((found for found in words if found.group().lower() in _telling()), None)
    if telling is not None:
        words.remove(telling)
        words.insert(0, telling)
    known = _telling() | frozenset(_LETTERS.findall(f"{_SENTENCE_WORDS} {text.lower()}"))
    slipped: dict[int, tuple[int, str]] = {}  # where a word begins → where it ends, and what is there instead
    for found in words:
        wrong = _undoable(found.group(), known, random)
        if wrong is not None:
            slipped[found.start()] = (found.end(), wrong)
        if len(slipped) == _SLIPS or (slipped and random.random() < 0.4):
            break
    for start in sorted(slipped, reverse=True):
        end, wrong = slipped[start]
        text = text[:start] + wrong + text[end:]
    return text


def _undoable(word: str, known: frozenset[str], random: Random) -> str | None:
    """The word with a slip that leads back to it alone; None where eight slips did not."""
    for _ in range(8):
        wrong = word[0] + _slipped(word.lower(), random)[1:]
        near = {other for other in known if _slip_away(wrong.lower(), other)}
        if wrong.lower() not in known and near <= {word.lower()}:
            return wrong
    return None


def _slip_away(one: str, other: str) -> bool:
    """True where one letter lost, added or struck, or two neighbours swapped, make the one of the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return one == other
    short, long = sorted((one, other), key=len)
    place = next((place for place, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(short) < len(long):
        return short[place:] == long[place + 1 :]
    swapped = short[place + 1 : place + 2] + short[place : place + 1]
    return short[place + 1 :] == long[place + 1 :] or swapped + short[place + 2 :] == long[place:]


@cache
def _telling() -> frozenset[str]:
    """The words that say a value or how it compares."""
    compared = [phrase for pair in COMPARED.values() for ways in pair for said in ways.values() for phrase in said]
    return _known() | frozenset(_LETTERS.findall(" ".join(compared)))


@cache
def _known() -> frozenset[str]:
    return frozenset(word for phrase in vocabulary() for word in _LETTERS.findall(phrase.lower()))


def _slipped(word: str, random: Random) -> str:
    wrong = random.choice((_swapped, _dropped, _doubled, _struck))(word, random)
    # Two like letters swapped, say, change nothing: then a letter is lost.
    return wrong if wrong != word else _dropped(word, random)


def _swapped(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _dropped(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _doubled(word: str, random: Random) -> str:
    place = random.randrange(1, len(word))
    return word[:place] + word[place] + word[place:]


def _struck(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 1)
    return word[:place] + random.choice(_NEIGHBOURS[word[place]]) + word[place + 1 :]
