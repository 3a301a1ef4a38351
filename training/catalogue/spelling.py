"""How people spell in a search box: American, without hyphens, and with slips of the finger."""

import re
from functools import cache
from random import Random

from training.catalogue.words import vocabulary

_WORD = re.compile(r"[a-z]{5,}")
_LETTERS = re.compile(r"[a-z]+")
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
