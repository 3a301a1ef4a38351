"""Filter for the answers: usable as the change that a shopper requests, or the reason for rejection."""

import json
import re
from typing import Literal

Reason = Literal["empty", "too long", "special characters", "copy of a caption"]

_PREFIX = re.compile(r"^(the )?(difference|answer|output|(re)?formulation( text)?|change)s?\s*:\s*", re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "\u00a0": " "})
_PUNCTUATION = frozenset(" ,.;'-")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


def unwrapped(answer: str) -> str:
    """Return the text inside a code fence, and inside JSON that holds one text."""
    text = _FENCE.sub(r"\1", answer.strip()).strip()
    try:
        value = json.loads(text) if text.startswith(("{", "[", '"')) else text
    except (ValueError, RecursionError):
        return text
    while isinstance(value, dict | list) and len(value) == 1:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value.strip() if isinstance(value, str) else text


def cleaned(answer: str) -> str:
    """Remove what models add to an answer: code fences, "Difference:", quotation marks, a list's dash, blanks."""
    text = _PREFIX.sub("", unwrapped(answer).translate(_PLAIN))
    return text.strip(' \t\n"*-')


def is_blank(answer: str) -> bool:
    """Return whether nothing is left of an answer without what models add: not even one letter or digit."""
    return not any(map(str.isalnum, cleaned(answer)))


def rejected(text: str, *, words: int, captions: tuple[str, str]) -> Reason | None:
    """Return the reason that a cleaned text cannot be used, None if it can.

    It is rejected if it is blank or has too many words, holds more than normal words, or repeats a caption or a
    sentence of one.
    """
    if not any(map(str.isalnum, text)):
        return "empty"
    if len(text.split()) > words:
        return "too long"
    if not all(letter.isalnum() or letter in _PUNCTUATION for letter in text):
        return "special characters"
    sentences = {_normal(sentence) for caption in captions for sentence in (caption, *_SENTENCE.split(caption))}
    return "copy of a caption" if _normal(text) in sentences else None


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
