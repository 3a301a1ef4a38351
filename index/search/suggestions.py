"""Completions of a text while it is typed: values of attributes, and words that items have together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from index.items import facets
from index.items.attribute_types import text as as_text
from index.lexical.words import ID, words
from index.search.deadline import Deadline
from index.storage.view import RowView
from models.arrays import Rows

MOST_WORDS = 12  # typed words that count
ENDINGS = 24  # words that the last typed one may become
SPARE = 2  # times as many candidates are counted as are suggested
READ = 100  # items that are read for some words; if there are more, they are only counted
COUNTED = 10_000
SAMPLED = 200  # items whose values are looked at, of all endings together
SAMPLED_LEAST = 8  # of one ending
CODES = frozenset({ID, "sku", "mpn", "gtin", "ean", "upc", "asin"})  # suggested only to who types a digit
TITLES = frozenset({"title", "name"})  # too many to begin with
CATEGORIES = 1_000  # values of an attribute whose items are counted


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text to search for, the attribute whose value it is, if it is one, and how many items have it."""

    text: str
    attribute: str | None
    count: int


@dataclass(slots=True)
class _Candidate:
    text: str
    attribute: str | None
    slips: int
    is_start: bool  # the text begins with what was typed
    count: int  # of items
    is_exact: bool  # this count, else the least that it can be

    @property
    def rank(self) -> tuple[int, bool, int, bool, int, str]:
        """Its place among others: match first, then count; values before words, short before long."""
        return (self.slips, not self.is_start, -self.count, self.attribute is None, len(self.text), self.text)


@dataclass(frozen=True, slots=True)
class _Typed:
    """The complete words that were typed, as items have them, and the number of slips that were put right."""

    words: Sequence[str]
    slips: int


@dataclass(frozen=True, slots=True)
class _Ending:
    """A word that the last typed one may become; empty if none was begun."""

    word: str
    slips: int
    items: int = 0  # that have the word, if that is known


class Suggestions:
    """Looks for completions of one text until there are enough, or until a deadline."""

    def __init__(self, view: RowView, deadline: Deadline) -> None:
        self._view = view
        self._deadline = deadline
        self._indexes = [index for index in (view.base.lexical, view.overlay.lexical) if index is not None]
        names = self._indexes[0].names if self._indexes else ()
        self._names = [name for name, type in list(view.types.items()) if type and name.casefold() in names]
        base, fresh = view.base.items.attributes, view.overlay.columns
        self._columns = {name: (base.get(name), fresh.get(name)) for name in self._names}
        self._candidates: dict[str, _Candidate] = {}

    def best(self, text: str, *, limit: int) -> list[Suggestion]:
        """Return the best suggestions, each text once; the most frequent values if nothing was typed."""
        typed = words(text)[:MOST_WORDS]
        if not typed:
            return self._frequent(limit)
        is_open = text[-1:].isalnum()  # its last word may go on
        complete = self._complete(typed[:-1] if is_open else typed)
        if complete is None:
            return []
        begun = typed[-1] if is_open else ""
        has_digit = any(map(str.isdecimal, "".join(typed)))
        self._look(complete, self._endings(begun, complete.words), begun, with_codes=has_digit)
        if begun and len(self._candidates) < limit and not self._deadline.is_over:
            self._look(complete, self._misspelt(begun), begun, with_codes=has_digit)
        ranked = sorted(self._candidates.values(), key=attrgetter("rank"))[: limit * SPARE]
        for candidate in ranked:
            if not candidate.is_exact and not self._deadline.is_over:
                candidate.count = max(candidate.count, self._count(candidate))
        ranked = sorted(ranked, key=attrgetter("rank"))[:limit]
        return [Suggestion(each.text, each.attribute, each.count) for each in ranked]

    def _frequent(self, limit: int) -> list[Suggestion]:
        """Return the most frequent values of brands, categories and the like."""
        names = [name for name in self._names if name.casefold() not in TITLES | CODES and self._is_category(name)]
        base, overlay = self._view.base.items.attributes, self._view.overlay
        mask, fresh = overlay.alive[: overlay.start], overlay.alive[overlay.start :]
        values = [
            Suggestion(as_text(value), name, count)
            for name in names
            for value, count in facets.counts(base, mask, overlay.columns, fresh, name, limit)
        ]
        return sorted(values, key=lambda each: (-each.count, each.text))[:limit]

    def _is_category(self, name: str) -> bool:
        return all(len(column.values) <= CATEGORIES for column in self._columns[name])

    def _complete(self, typed: Sequence[str]) -> _Typed | None:
        """Return complete words as items have them, None if no item has one of them."""
        if not typed:
            return _Typed((), 0)
        known = {word for index in self._indexes for word in index.frequencies(typed)}
        meant: list[str] = []
        slips = 0
        for word in typed:
            if word in known:
                meant.append(word)
                continue
            near = min(self._near(word, is_prefix=False), key=lambda pair: pair[1], default=None)
            if near is None:
                return None
            meant.append(near[0])
            slips += near[1]
        return _Typed(meant, slips)

    def _endings(self, begun: str, typed: Sequence[str]) -> list[_Ending]:
        """Return the words that the last one may become; alone, each has the number of its items."""
        if not begun:
            return [_Ending("", 0)]
        counts: Counter[str] = Counter()
        for index in self._indexes:
            counts.update(index.completions(begun, most=ENDINGS))
        return [_Ending(word, 0, 0 if typed else items) for word, items in counts.most_common(ENDINGS)]

    def _misspelt(self, begun: str) -> list[_Ending]:
        near = sorted(self._near(begun, is_prefix=True), key=lambda pair: pair[1])
        return [_Ending(word, slips) for word, slips in dict(near).items()][:ENDINGS]

    def _near(self, word: str, *, is_prefix: bool) -> Iterable[tuple[str, int]]:
        for index in self._indexes:
            yield from index.vocabulary().near(word, is_prefix=is_prefix, most=ENDINGS)

    def _look(self, typed: _Typed, endings: Sequence[_Ending], begun: str, *, with_codes: bool) -> None:
        sampled = max(SAMPLED_LEAST, SAMPLED // max(1, len(endings)))
        for ending in endings:
            self._add(typed, ending, begun, with_codes=with_codes, sampled=sampled)
            if self._deadline.is_over:
                break

    def _add(self, typed: _Typed, ending: _Ending, begun: str, *, with_codes: bool, sampled: int) -> None:
        """Adds the words themselves and the values that have them, as far as items have them all."""
        wanted = [*typed.words, *([ending.word] if ending.word else [])]
        rows, is_all = self._living(wanted)
        if not len(rows):
            return
        slips = typed.slips + ending.slips
        start = " ".join([*typed.words, begun if not ending.slips else ending.word]).rstrip()
        following: Counter[str] = Counter()
        is_word = False  # and not a part of codes alone
        texts = Counter(text for row in rows[:sampled].tolist() for text in self._texts(row, with_codes=with_codes))
        for (name, value), count in texts.items():
            own = words(value)
            is_code = name.casefold() in CODES
            is_word = is_word or (wanted[-1] in own and not is_code)
            if not is_code and not ending.word:
                following.update({word: count for word in own if word not in wanted})
            if set(wanted) <= set(own):
                is_start = " ".join(own).startswith(start)
                self._put(_Candidate(value, name, slips, is_start, count, is_exact=False))
        if is_word and len(wanted[-1]) > 1:
            count = len(rows) if is_all else max(len(rows), ending.items)
            self._put(_Candidate(" ".join(wanted), None, slips, True, count, is_all))
        for word, count in following.most_common(ENDINGS):
            self._put(_Candidate(" ".join([*wanted, word]), None, slips, True, count, is_exact=False))

    def _put(self, candidate: _Candidate) -> None:
        key = " ".join(words(candidate.text))
        other = self._candidates.get(key)
        if other is None or candidate.rank < other.rank:
            if other is not None and candidate.attribute is None:
                candidate = replace(candidate, text=other.text, attribute=other.attribute)
            self._candidates[key] = candidate
        elif other.attribute is None:
            self._candidates[key] = replace(other, text=candidate.text, attribute=candidate.attribute)

    def _living(self, wanted: Sequence[str]) -> tuple[Rows, bool]:
        """Return the first living rows that have all words, and whether they are all of them."""
        parts = [index.rows([], wanted, most=READ) for index in self._indexes]
        return self._alive(parts), all(len(part) < READ for part in parts)

    def _count(self, candidate: _Candidate) -> int:
        """Return how many items have a value, or all words; of many, changed ones may count twice."""
        own = words(candidate.text)
        if candidate.attribute == ID:
            return 1
        if candidate.attribute is not None:
            parts = [index.whole(own, most=READ) for index in self._indexes]
            if all(len(part) < READ for part in parts):
                return len(self._alive(parts))
            return sum(index.count_whole(own, most=COUNTED) for index in self._indexes)
        rows, is_all = self._living(own)
        return len(rows) if is_all else sum(index.count_all(own, most=COUNTED) for index in self._indexes)

    def _alive(self, parts: Iterable[Rows]) -> Rows:
        rows, alive = np.concatenate(list(parts)), self._view.overlay.alive
        rows = rows[rows < len(alive)]  # a later change may have added rows
        living: Rows = rows[alive[rows]]
        return living

    def _texts(self, row: int, *, with_codes: bool) -> Iterable[tuple[str, str]]:
        """Yield the texts of a row's item, each with the name of its attribute."""
        view, start = self._view, self._view.overlay.start
        if with_codes:
            yield ID, view.base.items.ids[row] if row < start else view.overlay.item(row).id
        for name, (base, fresh) in self._columns.items():
            if name.casefold() in CODES and not with_codes:
                continue
            value = base.at(row) if row < start else fresh.at(row - start)
            for member in value if isinstance(value, list) else [value]:
                if member is not None:
                    yield name, as_text(member)
