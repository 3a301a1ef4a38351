"""Captions from a shop's own product data: the columns of its table in one or a few sentences."""

import html
import re
from collections.abc import Mapping

_STAND_ALONE = frozenset({"title", "name", "product", "product name", "description", "caption", "summary", "text"})
_TAG = re.compile(r"<[^<>]*>")
_NOTHING = frozenset({"", "-", "none", "null", "nan", "n/a", "na", "unknown"})
_YES, _NO = frozenset({"true", "yes"}), frozenset({"false", "no"})


def caption(facts: Mapping[str, str]) -> str:
    """Return the columns as text, in their order: "Summer dress. Colour red, sleeves short, with pockets."

    Titles and descriptions are sentences of their own; "" if all columns are blank.
    """
    sentences, attributes = [], []
    for column, value in readable(facts).items():
        if column in _STAND_ALONE:
            sentences.append(value)
        elif value.casefold() in _YES:
            attributes.append(f"with {column}")
        elif value.casefold() in _NO:
            attributes.append(f"without {column}")
        else:
            attributes.append(f"{column} {value}")
    if attributes:
        sentences.append(", ".join(attributes))
    return " ".join(_sentence(sentence) for sentence in sentences)


def attributes(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that are a single fact and not prose: {"colour": "red", "pockets": "yes"}."""
    return {column: value for column, value in readable(facts).items() if column not in _STAND_ALONE}


def readable(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that are not blank: names as words, values without markup."""
    found = {" ".join(re.split(r"[_\W]+", column)).strip().casefold(): _plain(value) for column, value in facts.items()}
    return {column: value for column, value in found.items() if value.casefold() not in _NOTHING}


def holds(value: str) -> bool | None:
    """Return whether a yes-or-no value is yes; None for any other value."""
    return True if value.casefold() in _YES else False if value.casefold() in _NO else None


def _plain(value: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", value)).split())


def _sentence(text: str) -> str:
    begun = text[0].upper() + text[1:]
    return begun if begun[-1] in ".!?" else f"{begun}."
