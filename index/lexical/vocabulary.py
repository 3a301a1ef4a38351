"""The frequent words of a lexical index, and those of them that a typed word may have been meant to be."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 30_000  # words: a comparison with all of them takes about 3 ms
LONGEST = 24  # letters of a word that are compared
SLIPS = ((8, 2), (4, 1))  # letters of a typed word, and how many slips are forgiven from there on


class Vocabulary:
    """Words by falling frequency, compared with a typed one all at once."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [word for word in words if any(map(str.isalpha, word))][:MOST]
        self._lengths = np.array([min(len(word), LONGEST) for word in self.words], np.int64)
        letters = sorted({letter for word in self.words for letter in word[:LONGEST]})
        self._places = {letter: place for place, letter in enumerate(letters, start=1)}
        self._letters = np.zeros((LONGEST, len(self.words)), np.intp)  # place of each letter, 0 after the end
        for number, word in enumerate(self.words):
            self._letters[: len(word), number] = [self._places[letter] for letter in word[:LONGEST]]

    def near(self, typed: str, *, is_prefix: bool, most: int) -> list[tuple[str, int]]:
        """Return the words that a typed one may mean, or if it is a prefix may begin, with the number of its slips.

        The nearest come first, of these the most frequent. A slip is a letter lost, added or replaced, or two
        neighbours swapped.
        """
        slips = next((slips for length, slips in SLIPS if len(typed) >= length), 0)
        if not slips or len(typed) > LONGEST or not self.words:
            return []
        distances = self._distances(typed, slips, is_prefix=is_prefix)
        chosen = np.flatnonzero((distances > 0) & (distances <= slips))
        order = chosen[np.argsort(distances[chosen], kind="stable")][:most]
        return [(self.words[place], int(distances[place])) for place in order.tolist()]

    def _distances(self, typed: str, slips: int, *, is_prefix: bool) -> NDArray[np.int64]:
        """Return the distance (n,) of a typed word to each word, or to the nearest of its prefixes.

        The optimal string alignment distance by bit vectors, one column of all words at a time (Hyyrö, 2003: "A
        bit-vector algorithm for computing Levenshtein and Damerau edit distances").
        """
        length, one = len(typed), np.uint64(1)
        masks = np.zeros(len(self._places) + 1, np.uint64)
        for number, letter in enumerate(typed):
            if letter in self._places:
                masks[self._places[letter]] |= np.uint64(1 << number)
        last = np.uint64(length - 1)
        count = len(self.words)
        positive = np.full(count, (1 << length) - 1, np.uint64)
        negative, diagonal, before = (np.zeros(count, np.uint64) for _ in range(3))
        score = np.full(count, length, np.int64)
        best = score.copy()
        for column in range(min(LONGEST, length + slips)):
            mask = masks[self._letters[column]]
            swapped = ((~diagonal & mask) << one) & before
            diagonal = (((mask & positive) + positive) ^ positive) | mask | negative | swapped
            rising, falling = negative | ~(diagonal | positive), diagonal & positive
            score += ((rising >> last) & one).astype(np.int64) - ((falling >> last) & one).astype(np.int64)
            rising = (rising << one) | one
            positive, negative = (falling << one) | ~(diagonal | rising), rising & diagonal
            before = mask
            if is_prefix:
                np.minimum(best, score, out=best, where=self._lengths > column)
            else:
                np.copyto(best, score, where=self._lengths == column + 1)
        if not is_prefix:
            best[self._lengths > length + slips] = length
        return best
