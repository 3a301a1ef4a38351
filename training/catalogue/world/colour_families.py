"""Colours that can be told apart by eye, and their order from light to dark within a family."""

from itertools import pairwise

from training.catalogue.world.world import COLOUR_FAMILIES, COLOURS

# Pairs from different families that look alike under some light; adjacent colours of one family are added below.
_ALIKE = frozenset(
    frozenset(pair)
    for pair in (
        ("white", "beige"),
        ("white", "light blue"),
        ("white", "yellow"),
        ("beige", "yellow"),
        ("beige", "grey"),
        ("beige", "pink"),
        ("beige", "orange"),
        ("grey", "light blue"),
        ("grey", "olive"),
        ("black", "navy"),
        ("black", "brown"),
        ("black", "burgundy"),
        ("black", "purple"),
        ("navy", "purple"),
        ("blue", "purple"),
        ("burgundy", "brown"),
        ("burgundy", "purple"),
        ("brown", "olive"),
        ("brown", "navy"),
        ("brown", "purple"),
        ("burgundy", "navy"),
        ("brown", "orange"),
        ("brown", "red"),
        ("red", "orange"),
        ("orange", "yellow"),
    )
) | frozenset(frozenset(pair) for family in COLOUR_FAMILIES for pair in pairwise(family))


def distinct(one: str, other: str) -> bool:
    """Return True if a pattern in these two colours is visible and neither colour is mistaken for the other."""
    return one != other and frozenset((one, other)) not in _ALIKE


def second_colours(colour: str) -> tuple[str, ...]:
    """Return the colours that a pattern on `colour` may have."""
    return tuple(other for other in COLOURS if distinct(colour, other))


def darker(colour: str) -> tuple[str, ...]:
    """Return the darker colours of the family, nearest first; empty for the darkest."""
    family = next(family for family in COLOUR_FAMILIES if colour in family)
    return family[family.index(colour) + 1 :]


def lighter(colour: str) -> tuple[str, ...]:
    """Return the lighter colours of the family, nearest first; empty for the lightest."""
    family = next(family for family in COLOUR_FAMILIES if colour in family)
    return family[: family.index(colour)][::-1]
