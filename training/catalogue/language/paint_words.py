"""Wordings of colours and patterns.

A bare colour word names exactly one of the 16 colours, as the filters of a shop do: "blue" is neither "light blue" nor
"navy". Words that are true for several colours or values are listed separately.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from training.catalogue.world.world import PLAIN

# Names of the colours. A word that is used for two colours stands with both.
COLOUR_WORDS: Mapping[str, tuple[str, ...]] = {
    "white": ("white", "snow white"),
    "grey": ("grey", "gray"),
    "black": ("black", "jet black"),
    "beige": ("beige", "sand", "sand-coloured"),
    "brown": ("brown", "chocolate brown"),
    "pink": ("pink", "rose"),
    "red": ("red", "bright red", "scarlet"),
    "burgundy": ("burgundy", "dark red", "wine red", "maroon"),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "olive": ("olive", "olive green", "khaki green", "army green"),
    "light blue": ("light blue", "pale blue", "sky blue", "baby blue"),
    "blue": ("blue", "royal blue"),
    "navy": ("navy", "navy blue", "dark blue"),
    "purple": ("purple", "violet"),
}
VAGUE_COLOURS: Mapping[str, tuple[str, ...]] = {
    "cream": ("white", "beige"),
    "off-white": ("white", "beige"),
    "charcoal": ("grey", "black"),
    "tan": ("beige", "brown"),
    "camel": ("beige", "brown"),
    "khaki": ("beige", "olive"),
}


@dataclass(frozen=True, slots=True)
class PatternWords:
    """Wordings of one pattern; `marks` stand after the second colour: *white dots*."""

    adjectives: tuple[str, ...]
    marks: tuple[str, ...]


PATTERN_WORDS: Mapping[str, PatternWords] = {
    PLAIN: PatternWords(("plain", "solid", "plain-coloured", "unpatterned", "single-coloured"), ()),
    "striped": PatternWords(
        ("striped", "stripy", "stripey", "horizontally striped"), ("stripes", "horizontal stripes")
    ),
    "pinstriped": PatternWords(("pinstriped", "pinstripe", "vertically striped"), ("pinstripes", "vertical stripes")),
    "checked": PatternWords(("checked", "checkered", "plaid", "chequered"), ("checks", "squares")),
    "dotted": PatternWords(("dotted", "polka-dot", "spotted", "polka dot"), ("dots", "polka dots", "spots")),
    "floral": PatternWords(("floral", "flowered", "flowery", "flower-print"), ("flowers", "blossoms")),
    "zigzag": PatternWords(("zigzag", "chevron", "zig-zag"), ("zigzags", "zigzag lines", "chevrons")),
    "colour-block": PatternWords(
        ("colour-block", "two-tone", "colour-blocked", "color block"), ("lower half", "lower part", "bottom half")
    ),
    "starred": PatternWords(("starred", "star-print", "starry"), ("stars",)),
}

_TWO_COLOURED = frozenset(PATTERN_WORDS) - {PLAIN}
_STRIPES = frozenset(("striped", "pinstriped"))
# Pattern words that are true for more patterns than their own.
BROAD_PATTERN_WORDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("striped", "stripy", "stripey", "stripes"), _STRIPES),
    "two-tone": _TWO_COLOURED,
}


def pattern_meaning(pattern: str, words: str) -> frozenset[str]:
    """Return all patterns that the words are true for, if they stand with `pattern`."""
    return BROAD_PATTERN_WORDS.get(words, frozenset((pattern,)))
