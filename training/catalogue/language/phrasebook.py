"""Phrasebook: one writer's words for every change, read from a TOML file; several writers, so that one can be left out.

A clause says one change by itself and can follow "like this, but": "in crimson", "could the sleeves be longer". `keys`
lists all the clauses that a phrasebook has, with the places in them for words. See docs/training.md.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from models.errors import ConfigError
from training.catalogue.world.world import CATEGORIES, COLOURS, NONE, ORDERED, PATTERNS, PLAIN

FOLDER = Path(__file__).parents[1] / "phrasebooks"
TRAINING = ("terse", "polite", "chatty", "critical", "texting", "trade", "indirect", "plainspoken")
VALIDATION = ("dictated",)
TEST = ("editorial", "second-language", "practical")

_TOPS = frozenset(("t-shirt", "sweater", "hoodie", "jacket"))
# Attributes whose words differ by category, with the categories that share them.
_GROUPS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "length": {
        "tops": _TOPS,
        "coats": frozenset(("coat",)),
        "dresses": frozenset(("dress", "skirt")),
        "trousers": frozenset(("trousers",)),
        "shorts": frozenset(("shorts",)),
    },
    "fit": {
        "garments": frozenset(("shirt", "dress")),
        "skirts": frozenset(("skirt",)),
        "legs": frozenset(("trousers", "shorts")),
    },
    "closure": {
        "skirts": frozenset(("skirt",)),
        "legs": frozenset(("trousers", "shorts")),
        "heels": frozenset(("heels",)),
        "others": frozenset(("hoodie", "jacket", "coat", "sneakers", "boots", "handbag", "backpack")),
    },
    "shape": {name + "s": frozenset((name,)) for name in ("handbag", "backpack", "cushion")},
    "handle": {name + "s": frozenset((name,)) for name in ("handbag", "mug")},
}
_CLAUSES = ("frames", "category", "paint", "patterns", "details", "compared")  # clauses, and what is around them
_WORDS = (".noun", ".marks")
_FEWEST = 3  # phrases of a clause


@dataclass(frozen=True, slots=True)
class Places:
    """The places for words in the phrases of one key: those that each must have, and those that it may have."""

    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset(("it", "noun"))


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """All phrases of one writer, by key."""

    name: str
    phrases: Mapping[str, tuple[str, ...]]

    def __getitem__(self, key: str) -> tuple[str, ...]:
        """Return the phrases of one of `keys`."""
        return self.phrases[key]


def group(category: str, attribute: str) -> str:
    """Return the name of the categories that share the words of an attribute with this one."""
    groups = _GROUPS.get(attribute, {})
    return next((name for name, members in groups.items() if category in members), "all")


def detail(category: str, attribute: str, value: str) -> str:
    """Return the key of an attribute's value, without its last part: `said` or `noun`."""
    return f"details.{attribute}.{group(category, attribute)}.{value}"


def compared(category: str, attribute: str, *, more: bool) -> str:
    """Return the key of a comparative; `more` is further up in the attribute's order."""
    return f"compared.{attribute}.{group(category, attribute)}.{'more' if more else 'less'}"


@cache
def keys() -> Mapping[str, Places]:
    """Return every key of a phrasebook with the places of its phrases."""
    return dict(_keys())


def _keys() -> Iterator[tuple[str, Places]]:
    bare = Places(may=frozenset())
    yield "frames", Places(must=frozenset(("said",)), may=frozenset(("noun", "this")))
    yield "joiners", bare
    yield from ((f"colours.{colour}", bare) for colour in COLOURS)
    yield from ((f"nouns.{category}", bare) for category in CATEGORIES)
    yield "category", Places(may=frozenset(("new", "a_new", "it", "noun")))
    for name in ("colour", "base_colour"):
        yield f"paint.{name}", Places(must=frozenset(("new",)), may=frozenset(("old", "it", "noun")))
    for name in ("upper_half", "lower_half"):
        yield f"paint.{name}", Places(must=frozenset(("new",)))
    yield "paint.figures_colour", Places(must=frozenset(("new", "marks")))
    yield "paint.both_colours", Places(must=frozenset(("new", "other")))
    for name in ("swapped", "darker", "lighter", "darker_half", "lighter_half"):
        yield f"paint.{name}", Places()
    yield "paint.not_colour", Places(must=frozenset(("old",)))
    yield "paint.not_pattern", Places(must=frozenset(("marks",)))
    for pattern in PATTERNS:
        yield f"patterns.{pattern}.said", Places()
        if pattern != PLAIN:
            yield f"patterns.{pattern}.marks", bare
            yield f"patterns.{pattern}.coloured", Places(must=frozenset(("new",)))
            yield f"patterns.{pattern}.gone", Places()
    yield "details.replaced", Places(must=frozenset(("new", "old")))
    yield "details.negated", Places(must=frozenset(("old",)))
    for category, facts in CATEGORIES.items():
        for attribute, values in facts.attributes.items():
            for value in values:
                yield f"{detail(category, attribute, value)}.said", Places()
                if value != NONE:
                    yield f"{detail(category, attribute, value)}.noun", bare
            if attribute in ORDERED:
                yield compared(category, attribute, more=True), Places()
                yield compared(category, attribute, more=False), Places()


def read(path: Path) -> Phrasebook:
    """Read a phrasebook; raises ConfigError that names every key that lacks, is too many or has a wrong phrase."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    phrases = dict(_flat(fields))
    wrong = [f"{key} is missing" for key in keys() if key not in phrases]
    wrong += [f"{key} is unknown" for key in phrases if key not in keys()]
    for key, found in phrases.items():
        wrong += [f"{key}: {what}" for what in _faults(found, keys().get(key, Places()))]
    if wrong:
        raise ConfigError(f"{path} has {len(wrong)} faults:\n" + "\n".join(wrong))
    return Phrasebook(path.stem, phrases)


@cache
def book(name: str) -> Phrasebook:
    """Return one of this project's phrasebooks; those of validation and test without what training says as well.

    Words, such as names of colours, may coincide; clauses and frames do not, unless a key would have none.
    """
    own = read(FOLDER / f"{name}.toml")
    if name in TRAINING:
        return own
    trained = [book(other) for other in TRAINING]
    kept = {}
    for key, phrases in own.phrases.items():
        said = {phrase.casefold() for other in trained for phrase in other[key]}
        unseen = tuple(phrase for phrase in phrases if phrase.casefold() not in said)
        kept[key] = (unseen or phrases) if key.split(".")[0] in _CLAUSES and not key.endswith(_WORDS) else phrases
    return Phrasebook(name, kept)


def _flat(fields: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, tuple(value) if isinstance(value, list) else (str(value),)


def _faults(phrases: tuple[str, ...], places: Places) -> Iterator[str]:
    if len(phrases) < _FEWEST:
        yield f"{len(phrases)} phrases, at least {_FEWEST} are needed"
    if len(set(phrases)) < len(phrases):
        yield "a phrase stands twice"
    for phrase in phrases:
        try:
            named = {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}
        except ValueError as error:
            yield f"{phrase!r}: {error}"
            continue
        if not named <= places.must | places.may:
            yield f"{phrase!r} has a place for {sorted(named - places.must - places.may)}"
        if not places.must <= named:
            yield f"{phrase!r} lacks {sorted(places.must - named)}"
