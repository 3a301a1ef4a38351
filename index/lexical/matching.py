"""Rows that match a text by its words, and how well, within a bounded number of rows and words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.lexical.lexical_index import LexicalIndex
from index.lexical.words import words
from models.arrays import Flags, Rows, Scores

READ = 10_000  # rows that are read for a text from one index
MATCHES = 1_000  # rows that match, at most
QUERY_WORDS = 32  # distinct words of a text that are looked up
COMMON_WORDS = 4  # of these, words whose rows are too many to be read
PARTLY = 0.6  # strength of a row that has all words, but no value that is the whole text
POWER = 2.0  # the share of the words that a row has, by weight, is raised to it
FAINT = 0.02  # weaker rows are no matches


@dataclass(frozen=True, slots=True, eq=False)
class LexicalMatches:
    """Rows (m,), ascending, with the strength (m,) of each: 1 if a value is the whole text, or less."""

    rows: Rows
    strengths: Scores


NONE = LexicalMatches(np.empty(0, np.int64), np.empty(0, np.float32))


def matches(text: str, indexes: Sequence[LexicalIndex], wanted: Flags) -> LexicalMatches:
    """The best matches of a text in several indexes of one gallery, whose rows differ.

    `wanted` is the mask (n,) of the first n rows that may match, others are none.

    A word weighs the more, the fewer rows have it (inverse document frequency; Spärck Jones, 1972). A row is as strong
    as the share of the text's weight that it covers, squared: most words of a descriptive sentence are in no title, and
    then the vectors decide.
    """
    query = words(text)
    distinct = list(dict.fromkeys(query))[:QUERY_WORDS]
    if not distinct or not indexes:
        return NONE
    count = sum(index.count for index in indexes)
    known = [index.frequencies(distinct) for index in indexes]
    totals = {word: sum(frequencies.get(word, 0) for frequencies in known) for word in distinct}
    weights = {word: math.log1p(count / max(total, 1)) for word, total in totals.items()}
    sum_of_weights = sum(weights.values()) or 1.0
    blocks: list[Rows] = []
    strengths: list[Scores] = []
    for index, frequencies in zip(indexes, known, strict=True):
        whole = index.whole(query, most=READ)
        rows, covered = _covered(index, frequencies, weights)
        blocks += [whole, rows]
        strengths += [np.ones(len(whole), np.float32), PARTLY * (covered / sum_of_weights) ** POWER]
    return _best(np.concatenate(blocks), np.concatenate(strengths), wanted)


def _covered(index: LexicalIndex, frequencies: Mapping[str, int], weights: Mapping[str, float]) -> tuple[Rows, Scores]:
    """Rows (m,) that have some of the words, and the weight (m,) of the words that each has.

    Rows of the rarest words are read, as many as may be. A common word counts for these rows; if all words are common,
    only rows that have them all are read.
    """
    rare: list[str] = []
    common: list[str] = []
    left = READ
    for word, frequency in sorted(frequencies.items(), key=lambda pair: pair[1]):
        left -= frequency
        (rare if left >= 0 else common).append(word)
    common = common[:COMMON_WORDS]
    steps: list[tuple[list[str], list[str], float]] = [([], [word], weights[word]) for word in rare]
    if rare:
        steps += [(rare, [word], weights[word]) for word in common]
    elif common:
        steps = [([], common, sum(weights[word] for word in common))]
    rows = [index.rows(any_of, all_of, most=READ) for any_of, all_of, _ in steps]
    if not rows:
        return NONE.rows, NONE.strengths
    distinct, places = np.unique(np.concatenate(rows), return_inverse=True)
    weighed = np.repeat([weight for _, _, weight in steps], list(map(len, rows)))
    return distinct, np.bincount(places, weights=weighed, minlength=len(distinct)).astype(np.float32)


def _best(rows: Rows, strengths: Scores, wanted: Flags) -> LexicalMatches:
    """The strongest rows, each once."""
    strong = (strengths >= FAINT) & (rows < len(wanted))  # a later change may have added rows
    rows, strengths = rows[strong], strengths[strong]
    rows, strengths = rows[wanted[rows]], strengths[wanted[rows]]
    order = np.lexsort((-strengths, rows))
    rows, strengths = rows[order], strengths[order]
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    rows, strengths = rows[first], strengths[first]
    if len(rows) > MATCHES:
        top = np.sort(np.argsort(-strengths, kind="stable")[:MATCHES])
        rows, strengths = rows[top], strengths[top]
    return LexicalMatches(rows, strengths)
