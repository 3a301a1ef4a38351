"""Which colours an eye tells apart, and which lie further along in their family."""

from itertools import pairwise

from training.catalogue.world.world import COLOUR_FAMILIES, COLOURS

# Pairs from different families that a shade of light can make alike; neighbours in one family are added below.
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
    """True where a pattern in these two colours can be seen, and neither is taken for the other."""
    return one != other and frozenset((one, other)) not in _ALIKE


def seconds(colour: str) -> tuple[str, ...]:
    """The colours that a pattern on `colour` may have."""
    return tuple(other for other in COLOURS if distinct(colour, other))


def darker(colour: str) -> tuple[str, ...]:
    """The darker colours of its family, the nearest first; empty for the darkest."""
    family = next(family for family in COLOUR_FAMILIES if colour in family)
    return family[family.index(colour) + 1 :]


def lighter(colour: str) -> tuple[str, ...]:
    """The lighter colours of its family, the nearest first; empty for the lightest."""
    family = next(family for family in COLOUR_FAMILIES if colour in family)
    return family[: family.index(colour)][::-1]
