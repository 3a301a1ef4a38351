"""Words of a text, as items and queries are compared by: in lower case, without accents and punctuation."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from index.items.attribute_types import text as as_text
from index.sources.cells import Value

DEFAULT_NAMES = ("title", "name", "brand", "category", "sku", "mpn", "gtin")  # attributes, beside the id
ID = "id"
MOST_CHARACTERS = 2_000  # of a text; the rest is not read
MOST_WORDS = 64  # of a text
LONGEST = 64  # characters of a word

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Return the words of a text in their order; there is none of only punctuation."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        folded = text.lower()
    else:
        parts = unicodedata.normalize("NFKD", text.casefold())[:MOST_CHARACTERS]
        folded = "".join(letter for letter in parts if not unicodedata.combining(letter))
    found = [word[:LONGEST] for word in _WORD.findall(folded)]
    return found[:MOST_WORDS]


def key(text_words: Sequence[str]) -> int:
    """Return a number of 64 bits that texts with the same letters and digits share: "T-shirt" and "tshirt"."""
    digest = blake2b("".join(text_words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def texts(id: str, attributes: Mapping[str, Value], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the id and the values of the named attributes of an item, each with its name, in any case."""
    yield ID, id
    for name, value in attributes.items():
        if value is None or name.casefold() not in names:
            continue
        for member in value if isinstance(value, list) else [value]:
            yield name, as_text(member)


def matched(text: str, id: str, attributes: Mapping[str, Value], names: Sequence[str]) -> list[str]:
    """Return the names of an item's texts that are the given text; if none is, of those that have one of its words."""
    query = words(text)
    own, wanted = key(query), set(query)
    whole: dict[str, None] = {}
    partly: dict[str, None] = {}
    for name, value in texts(id, attributes, names):
        value_words = words(value)
        if key(value_words) == own:
            whole[name] = None
        elif not wanted.isdisjoint(value_words):
            partly[name] = None
    return list(whole or partly)
