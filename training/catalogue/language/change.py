"""One difference between a reference and a target, and the roles in which it can be said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.catalogue.language.detail_words import Saying

# Where a way of saying can stand: "make it ADJECTIVE" or "an ADJECTIVE one", only "a BEFORE one", only
# "make it AFTER", "in IN", "with WITH", "AS a skirt", a REMARK of its own, a COMMAND such as "add a belt", or
# the CATEGORY, which is said by naming the thing.
ROLES = ("adjective", "before", "after", "in", "with", "as", "remark", "command", "category")

# Adjectives that stand before a noun only: nobody says "make it pencil".
BEFORE = frozenset(("pencil", "ankle", "bucket", "bermuda", "tripod", "pinstripe", "chevron", "square-neck")) | {
    "band-collar",
    "stand-up-collar",
}

Ways = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its sort, the values that satisfy it, and its wordings by role."""

    kind: str
    allowed: Mapping[str, frozenset[str]]
    ways: Mapping[str, Sequence[str]]


def ways_by_role(words: Saying) -> Ways:
    """The ways of a saying, by role."""
    return {
        "adjective": [word for word in words.adjectives if word not in BEFORE],
        "before": [word for word in words.adjectives if word in BEFORE],
        "with": list(words.nouns),
        "remark": list(words.remarks),
    }
