"""Colours, patterns and materials that a text rules out: "not red", "anything but black", "without stripes"."""

from collections.abc import Iterator, Mapping, Sequence

from index.phrases.attribute_values import Named
from index.phrases.fact import Fact
from index.phrases.tokens import Token, about, named_values, tokens, word_at

_NEGATIONS: Sequence[tuple[str, ...]] = (  # the longer ones first
    ("that", "isn", "t"), ("that", "is", "not"), ("that", "are", "not"), ("which", "is", "not"), ("that", "aren", "t"),
    ("any", "colour", "but"), ("any", "color", "but"), ("any", "colour", "except"), ("any", "color", "except"),
    ("anything", "but"), ("everything", "but"), ("anything", "except"), ("everything", "except"), ("other", "than"),
    ("but", "not"), ("but", "no"), ("just", "not"), ("isn", "t"), ("aren", "t"),
    ("not",), ("no",), ("without",), ("except",), ("nothing",),
)  # fmt: skip
_BY_FIRST = {first: [words for words in _NEGATIONS if words[0] == first] for first, *_ in _NEGATIONS}
_BEFORE_VALUE = frozenset({"a", "an", "any", "in", "the", "with", "made", "of", "from"})
_AFTER_VALUE = frozenset(  # so that "without red buttons" is no fact about the colour
    {
        "one", "ones", "please", "but", "and", "or", "with", "for", "in", "under", "over", "below", "from", "by", "on",
        "at", "though", "thanks", "colour", "color", "coloured", "colored", "pattern", "print", "either",
    }
)  # fmt: skip
_ASKING = frozenset({"show", "me", "find", "please", "some", "i", "want", "need", "just", "only"})
_IN_PLACE = frozenset({"but", "rather", "instead", "and", "or"})  # "not black boots but sandals" wants no boots
_FORMS: Mapping[str, str] = {  # nouns for patterns, as attributes say them
    "stripe": "striped", "stripes": "striped", "striping": "striped", "pinstripes": "pinstriped", "dot": "dotted",
    "dots": "dotted", "polka dots": "dotted", "spots": "dotted", "check": "checked", "checks": "checked",
    "plaid": "checked", "flower": "floral", "flowers": "floral", "florals": "floral", "star": "starred",
    "stars": "starred", "zigzags": "zigzag", "gray": "grey", "grey": "gray",
}  # fmt: skip


def facts(text: str, looks: Mapping[str, Named], kinds: frozenset[str] = frozenset()) -> Iterator[Fact]:
    """Yield the facts that the text rules out values of looks; of those that overlap, the first is meant.

    A text that begins with "not black boots" wants boots of another colour, if `kinds` of products have that word.
    """
    if not looks:
        return
    said = tokens(text)
    for place in range(len(said)):
        beginning = _BY_FIRST.get(said[place].word, ())
        length = next((len(words) for words in beginning if _has(said, place, words)), 0)
        if not length or (word_at(said, place - 2), word_at(said, place - 1)) == ("forget", "me"):  # a flower's blue
            continue
        first = place + length
        while word_at(said, first) in _BEFORE_VALUE:
            first += 1
        end, values = named_values(said, first, looks, text, _FORMS)
        if values and (_ends(said, end, text) or (_begins(said, place) and _names_product(said, end, text, kinds))):
            start = place - (word_at(said, place - 1) in ("with", "in"))
            yield about(values, said, start, end, negated=True)


def _has(said: Sequence[Token], place: int, words: Sequence[str]) -> bool:
    return all(word_at(said, place + ahead) == word for ahead, word in enumerate(words))


def _begins(said: Sequence[Token], place: int) -> bool:
    """Return whether the text begins with this "not" or "no", but for words that ask for something."""
    return said[place].word in ("not", "no") and all(token.word in _ASKING for token in said[:place])


def _names_product(said: Sequence[Token], first: int, text: str, kinds: frozenset[str]) -> bool:
    """Return whether the words from `first` on name a kind of product, and nothing in its place follows."""
    end = first
    while (word := word_at(said, end)) and (word in kinds or f"{word}s" in kinds or word.removesuffix("s") in kinds):
        end += 1
    return end > first and word_at(said, end) not in _IN_PLACE and _ends(said, end, text)


def _ends(said: Sequence[Token], end: int, text: str) -> bool:
    """Return whether what was said of the value ends before this word."""
    if end >= len(said) or said[end].word in _AFTER_VALUE:
        return True
    return any(mark in text[said[end - 1].end : said[end].start] for mark in ",.;:!?()")
