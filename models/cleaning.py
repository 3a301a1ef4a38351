"""Cleaning of texts as open_clip's tokenizers do it before they split a text into words."""

import html
import string
from dataclasses import dataclass

import ftfy
from tokenizers import NormalizedString, Regex

KINDS = frozenset({"lower", "whitespace", "canonicalize"})  # open_clip's names

_WHOLE = Regex(r"\A(?m:.)+\z")  # with the text itself as the pattern, the library's time is quadratic
_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


@dataclass(frozen=True, slots=True)
class Cleaning:
    """A normalizer of the `tokenizers` library."""

    kind: str  # one of KINDS

    def normalize(self, text: NormalizedString) -> None:
        """Clean the text in place."""
        text.replace(_WHOLE, cleaned(text.original, kind=self.kind))


def cleaned(text: str, *, kind: str) -> str:
    """Repair wrong encodings, resolve HTML entities, join whitespace, and fold case or punctuation as `kind` says."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if kind == "canonicalize":
        text = text.translate(_PUNCTUATION)
    text = " ".join(text.split())
    return text if kind == "whitespace" else text.lower()
