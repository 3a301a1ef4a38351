"""Reads a text: the facts that it states about a gallery's attributes, and the words that remain."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.items.values import Number
from index.phrases import negated_looks, price_phrases, value_phrases
from index.phrases.attribute_values import AttributeValues, KnownValues
from index.phrases.fact import Fact
from index.phrases.price_phrases import ShopPrices
from index.phrases.tokens import tokens
from index.storage.contents import Contents
from index.storage.open_snapshot import OpenSnapshot

MOST_CHARACTERS = 2_000  # of a text that are read
MOST_FACTS = 20  # of a text

_LEFT_OVER = r"(?:and|but|or|that\s+is|that\s+are|which\s+is|which\s+are|[,;])"
_AT_START = re.compile(rf"^(?:\s*{_LEFT_OVER}(?=[\s,;]|$))+\s*", re.IGNORECASE)
_AT_END = re.compile(rf"(?:(?:(?<=\s)|(?<=^)|(?=[,;]))\s*{_LEFT_OVER})+\s*$", re.IGNORECASE)
_COMMAS = re.compile(r"\s*([,;:])(?:\s*(?:,|;|and\b\s*,))+")
_SPACES = re.compile(r"\s+")
_LINK_BEFORE = re.compile(r"(?:^|[\s,;])(?:and|but|or)\s+$", re.IGNORECASE)
_LINK_AFTER = re.compile(r"^\s*(?:and|but|or)\b", re.IGNORECASE)
_EMPTY = frozenset(  # words that say nothing beside a fact
    {
        "a", "an", "the", "all", "any", "anything", "something", "everything", "one", "ones", "it", "item", "items",
        "product", "products", "things", "thing", "stuff", "show", "me", "find", "only", "just", "please", "with", "in",
        "is", "are", "that", "which", "i", "want", "need", "this", "these", "like", "same", "but", "and", "or", "be",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of a text without the facts that it states, and these, in their order."""

    words: str
    facts: Sequence[Fact]
    lacks_reference: bool = False  # prices are compared with those of no item


class FactReader:
    """Reads the facts that texts state about the attributes of a gallery, as these are now."""

    def __init__(self, base: OpenSnapshot | None) -> None:
        self._values = AttributeValues(base)

    def read(
        self, text: str, view: Contents, *, is_alone: bool, reference: str | None, literal: Sequence[str] = ()
    ) -> Reading:
        """Return what a text states, alone or about an image.

        Prices are compared with that of the item `reference`, if it has one. Phrases that are `literal` stay words.
        """
        known = self._values.current(view)
        price, row = None, None if reference is None else view.row(reference)
        if row is not None and known.price is not None and price_phrases.comparisons(text):
            value = view.item(row).attributes.get(known.price)
            price = value if isinstance(value, int | float) else None
        return read(text, known, is_alone=is_alone, reference_price=price, literal=literal)


def read(
    text: str,
    known: KnownValues,
    *,
    is_alone: bool = True,
    reference_price: Number | None = None,
    literal: Sequence[str] = (),
) -> Reading:
    """Return what a text says about a gallery's attributes; phrases that are `literal` stay words."""
    if len(text) > MOST_CHARACTERS:
        return Reading(text, ())
    barred = [span for phrase in literal for span in _occurrences(text, phrase)]
    facts: list[Fact] = []
    stated = [*value_phrases.facts(text, known, is_alone=is_alone)]
    if is_alone:  # of an image, the model knows better: "not striped" may mean plain
        stated += negated_looks.facts(text, known.looks, known.kinds)
    if known.price is not None:
        stated += price_phrases.facts(text, ShopPrices(known.price, known.price_range, reference_price))
    for fact in sorted(stated, key=lambda fact: (fact.start, -fact.end)):
        after_last = not facts or fact.start >= facts[-1].end
        if after_last and not _overlaps((fact.start, fact.end), barred):
            facts.append(fact)
    facts = facts[:MOST_FACTS]
    compared = [span for span in price_phrases.comparisons(text) if not _overlaps(span, barred)]
    lacks_reference = known.price is not None and reference_price is None and bool(compared)
    return Reading(_without(text, facts) if facts else text, facts, lacks_reference)


def _occurrences(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    wanted = phrase.strip()
    if wanted:
        yield from (match.span() for match in re.finditer(re.escape(wanted), text, re.IGNORECASE))


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _without(text: str, facts: Sequence[Fact]) -> str:
    """Return a text without the facts, and without what joined them to the rest; empty if nothing is left to say."""
    parts = [
        text[start:end]
        for start, end in zip([0, *(f.end for f in facts)], [*(f.start for f in facts), len(text)], strict=True)
    ]
    joined = parts[0]
    for part in parts[1:]:
        if _LINK_BEFORE.search(joined) and (_LINK_AFTER.match(part) or not part.strip()):
            joined = _LINK_BEFORE.sub(" ", joined)
        joined = f"{joined.rstrip()} {part.lstrip()}"
    joined = _COMMAS.sub(r"\1", joined)
    joined = _AT_END.sub("", _AT_START.sub("", joined))
    joined = _SPACES.sub(" ", joined).replace(" ,", ",").strip(" ,;-–:")
    left = [token.word for token in tokens(joined)]
    return "" if all(word in _EMPTY for word in left) else joined
