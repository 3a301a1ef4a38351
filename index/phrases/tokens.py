"""Words of a text with their places, and the values of attributes that they name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from index.items.values import Scalar
from index.lexical.words import words
from index.phrases.attribute_values import Named
from index.phrases.fact import Fact, on_attribute

MOST_WORDS = 6  # of a value
MOST_TOKENS = 200  # of a text
LINKS = frozenset({"or", "and", "nor"})
_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text, folded, with its place."""

    word: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Return the first words of a text."""
    matches = (match for _, match in zip(range(MOST_TOKENS), _TOKEN.finditer(text), strict=False))
    return [Token("".join(words(match.group())), *match.span()) for match in matches]


def named_values(
    said: Sequence[Token], first: int, named: Mapping[str, Named], text: str, others: Mapping[str, str] | None = None
) -> tuple[int, list[Named]]:
    """Return the values from a word on, joined by "or", "and" or a comma, and the place of the word after them."""
    values: list[Named] = []
    end, start = first, first
    while start < len(said):
        stop, value = named_value(said, start, named, others or {})
        if value is None:
            break
        values.append(value)
        end = start = stop
        if word_at(said, start) in LINKS:
            start += 1
            start += word_at(said, start) in ("from", "by")
        elif not (start < len(said) and "," in text[said[start - 1].end : said[start].start]):
            break
    return end, values


def named_value(
    said: Sequence[Token], first: int, named: Mapping[str, Named], others: Mapping[str, str] | None = None
) -> tuple[int, Named | None]:
    """Return the longest value that begins at a word, and the place of the word after it."""
    for end in range(min(len(said), first + MOST_WORDS), first, -1):
        phrase = " ".join(token.word for token in said[first:end])
        value = named.get(phrase) or named.get((others or {}).get(phrase, ""))
        if value is not None:
            return end, value
    return first, None


def about(values: Sequence[Named], said: Sequence[Token], start: int, end: int, *, negated: bool) -> Fact:
    """Return the fact that words from `start` to before `end` state: one of the values, or none."""
    names = dict.fromkeys(value.attribute for value in values)
    parts: list[JsonValue] = []
    for name in names:
        same: JsonValue = one_or_list(list(dict.fromkeys(value.value for value in values if value.attribute == name)))
        parts.append(on_attribute(name, {"not": same} if negated else same))
    filters = [part for part in parts if isinstance(part, dict)]
    conditions: dict[str, JsonValue] = filters[0] if len(filters) == 1 else {"and" if negated else "or": parts}
    return Fact(said[start].start, said[end - 1].end, conditions)


def one_or_list(values: Sequence[JsonValue] | Sequence[Scalar]) -> JsonValue:
    distinct: list[JsonValue] = [*dict.fromkeys(value for value in values if not isinstance(value, list | dict))]
    return distinct[0] if len(distinct) == 1 else distinct


def word_at(said: Sequence[Token], place: int) -> str:
    return said[place].word if 0 <= place < len(said) else ""
