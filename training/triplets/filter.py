"""Filter for the answers: usable as the change that a shopper requests, or the reason for rejection."""

import re
from typing import Literal

Reason = Literal["empty", "too long", "special characters", "copy of a caption"]

_PREFIX = re.compile(r"^(the )?(difference|answer|output|(re)?formulation( text)?|change)s?\s*:\s*", re.IGNORECASE)
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "\u00a0": " "})
_PUNCTUATION = frozenset(" ,.;'-")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


def cleaned(answer: str) -> str:
    """Remove the decoration that models add to an answer: "Difference:", quotation marks, a list's dash, blanks."""
    text = _PREFIX.sub("", answer.strip().translate(_PLAIN))
    return text.strip(' \t\n"*-')


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
