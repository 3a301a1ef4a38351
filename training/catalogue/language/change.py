"""Change: one difference between a reference and a target, and its wordings by role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.catalogue.language.detail_words import Saying

# Roles of a wording in a sentence: "make it ADJECTIVE" or "an ADJECTIVE one", only "a BEFORE one", only "make it
# AFTER", "in IN", "with WITH", "AS a skirt", a REMARK by itself, a COMMAND such as "add a belt", or the CATEGORY,
# expressed by the noun.
ROLES = ("adjective", "before", "after", "in", "with", "as", "remark", "command", "category")

# Adjectives that stand only before a noun: "make it pencil" is not English.
BEFORE = frozenset(("pencil", "ankle", "bucket", "bermuda", "tripod", "pinstripe", "chevron", "square-neck")) | {
    "band-collar",
    "stand-up-collar",
}

Ways = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its kind, the values that satisfy it, and its wordings by role."""

    kind: str
    allowed: Mapping[str, frozenset[str]]
    ways: Mapping[str, Sequence[str]]


def ways_by_role(words: Saying) -> Ways:
    """Return the wordings of a saying, by role."""
    return {
        "adjective": [word for word in words.adjectives if word not in BEFORE],
        "before": [word for word in words.adjectives if word in BEFORE],
        "with": list(words.nouns),
        "remark": list(words.remarks),
    }
