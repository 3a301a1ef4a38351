"""Slips of the finger put right before a text becomes tokens: "long slevees" is read as "long sleeves".

A word that a model has never read breaks into pieces that mean nothing to it. So a word that is neither one of the
bundle's own words nor a common word of its tokenizer becomes the most frequent of its own words that is one letter
away, if there is one: a letter lost, added or replaced, or two neighbours swapped (Damerau, 1964). A word of three
letters becomes only one of the most frequent, by an inner letter lost or two swapped: "pnk" is read as "pink".
"""

import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase

FILE = "words.txt"  # of a bundle: its own words, the most frequent first

_WORD = re.compile(r"[^\W\d_]{3,24}")  # shorter words have too many neighbours
_SHORT = 3
_FREQUENT = 100  # own words that a short word may become
_MOST = 12  # words of one text that are put right: it bounds the work


class Spelling:
    """The words of a bundle, and those that are left as they are."""

    def __init__(self, own: Iterable[str], *, common: Iterable[str]) -> None:
        """`own` are words in lower case, the most frequent first, that slips become; `common` are no slips either.

        Slips become the common plural of an own word, too.
        """
        known = set(common)
        self._place = {word: place for place, word in enumerate(own)}
        for word, place in list(self._place.items()):
            if f"{word}s" in known:
                self._place.setdefault(f"{word}s", place)
        self._known = self._place.keys() | known

    def corrected(self, text: str) -> str:
        """Return the text with its slips put right; words that are known, or near to none, stay as they are."""
        left = _MOST

        def correct(found: re.Match[str]) -> str:
            nonlocal left
            word = found.group().lower()
            if word in self._known or not left:
                return found.group()
            left -= 1
            near = [other for other in _one_letter_away(word) if other in self._place]
            if len(word) == _SHORT:
                near = [other for other in near if self._place[other] < _FREQUENT and _is_shortened(word, other)]
            return min(near, key=lambda other: (other[0] != word[0], self._place[other]), default=found.group())

        return _WORD.sub(correct, text)


def _is_shortened(word: str, other: str) -> bool:
    """Return whether a word is another without one of its inner letters, or with two letters swapped."""
    if len(other) == len(word):
        return sorted(word) == sorted(other)
    return (other[0], other[-1]) == (word[0], word[-1])


def _one_letter_away(word: str) -> Iterator[str]:
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in ascii_lowercase:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]
