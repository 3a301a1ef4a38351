"""What differs between a reference and a target, and the ways to say each difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.catalogue.describe import colour_word, marks
from training.catalogue.families import darker, lighter
from training.catalogue.words import NOUNS, PATTERN_WORDS, bare, category_values, saying, with_article
from training.catalogue.world import NONE, ORDERED, PLAIN, Product

# Where a way of saying can stand: "make it ADJECTIVE", "in IN", "with WITH", a REMARK of its own, a
# COMMAND such as "add a belt", or the CATEGORY, which is said by naming the thing.
ROLES = ("adjective", "in", "with", "remark", "command", "category")

Ways = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its sort, the values that satisfy it, and its wordings by role."""

    kind: str
    allowed: Mapping[str, frozenset[str]]
    ways: Mapping[str, Sequence[str]]


def differences(reference: Product, target: Product, random: Random) -> list[Change]:
    """Every difference between the two that can be seen, in the order in which one would say them.

    Of a target of another category only its colours and pattern count, and sometimes one detail.
    """
    pronoun = "them" if NOUNS[reference.category][0].plural else "it"
    found = [*_paint(reference.look, target.look, pronoun, random)]
    if target.category != reference.category:
        found.insert(0, _category(reference.category, target.category, pronoun))
        if len(found) < 3 and random.random() < 0.3:
            name = random.choice(details(target))
            found.append(_detail(target.category, name, target.look[name]))
        return found
    names = [name for name in details(target) if target.look[name] != reference.look[name]]
    random.shuffle(names)
    return found + [
        _attribute(target.category, name, reference.look[name], target.look[name], pronoun, random) for name in names
    ]


def details(product: Product) -> tuple[str, ...]:
    """The attributes of the product besides its colours and pattern."""
    return tuple(name for name in product.look if category_values(product.category, name))


def _category(old: str, new: str, pronoun: str) -> Change:
    names, old_noun = NOUNS[new], NOUNS[old][0]
    old_name = old_noun.text if old_noun.plural else with_article(old_noun.text)
    ways: Ways = {"category": [""], "remark": [], "command": []}
    for noun in names:
        named = noun.text if noun.plural else with_article(noun.text)
        ways["remark"] += [f"as {named}", f"as {named}", f"as {named} instead", f"as {named} instead of {old_name}"]
        ways["command"] += [f"turn {pronoun} into {named}", f"make {pronoun} {named}", f"change {pronoun} to {named}"]
    return Change("category", {"category": frozenset((new,))}, ways)


def _paint(old: Mapping[str, str], new: Mapping[str, str], pronoun: str, random: Random) -> list[Change]:
    found = []
    patterned = new["pattern"] != PLAIN
    recoloured = new["colour"] != old["colour"]
    if patterned and old["pattern"] == new["pattern"] and recoloured and new["second_colour"] != old["second_colour"]:
        pair = _pair(old, new, pronoun, random)
        if pair is not None and random.random() < 0.6:
            return [pair]
    if recoloured:
        found.append(_colour(old, new, pronoun, random))
    if new["pattern"] != old["pattern"]:
        found.append(_pattern(old, new, random))
    elif patterned and new["second_colour"] != old["second_colour"]:
        found.append(_second_colour(old, new, random))
    return found


def _pair(old: Mapping[str, str], new: Mapping[str, str], pronoun: str, random: Random) -> Change | None:
    """Both colours at once; none where the words would describe the reference as well."""
    one, other = new["colour"], new["second_colour"]
    if (one, other) == (old["second_colour"], old["colour"]):
        allowed = {"colour": frozenset((one,)), "second_colour": frozenset((other,))}
        ways: Ways = {
            "command": ["swap the two colours", "swap the colours", "exchange the two colours"],
            "with": ["the colours the other way round", "the two colours swapped"],
        }
        return Change("colours swapped", allowed, ways)
    said, means = colour_word(one, random, vague=0)
    also, also_means = colour_word(other, random, vague=0)
    both = f"{said} and {also}" if random.random() < 0.75 else f"{also} and {said}"
    ways = {
        "in": [both],
        "adjective": [both],
        "command": [f"change the colours to {both}", f"make {pronoun} {both}"],
    }
    return Change("colours", {"colour": means | also_means, "second_colour": means | also_means}, ways)


def _colour(old: Mapping[str, str], new: Mapping[str, str], pronoun: str, random: Random) -> Change:
    for word, further in (("darker", darker(old["colour"])), ("lighter", lighter(old["colour"]))):
        if new["colour"] in further and random.random() < 0.55:
            return Change(
                "comparative",
                {"colour": frozenset(further)},
                {
                    "adjective": [word, f"a bit {word}", f"{word} in colour"],
                    "in": [f"a {word} colour", f"a {word} shade", f"a {word} tone"],
                    "command": [f"make the colour {word}", f"make {pronoun} {word}"],
                },
            )
    said, means = colour_word(new["colour"], random, vague=0.06)
    if old["colour"] in means:
        said, means = new["colour"], frozenset((new["colour"],))
    before = colour_word(old["colour"], random, vague=0)[0]
    ways: Ways = {
        "in": [said] * 4 + [f"{said} instead of {before}", f"{said} rather than {before}"],
        "adjective": [said],
        "command": [
            f"change the colour to {said}",
            f"make {pronoun} {said}",
            f"change {before} to {said}",
            f"the colour should be {said}",
        ],
    }
    if old["pattern"] not in (PLAIN, "colour-block") and new["pattern"] != PLAIN:
        ways["with"] = [f"a {said} background" if said[0] not in "aeio" else f"an {said} background"]
    return Change("colour", {"colour": means}, ways)


def _figures(look: Mapping[str, str]) -> str:
    """What a reference's pattern is called when it is to go."""
    if look["pattern"] == "colour-block":
        return f"{look['second_colour']} {PATTERN_WORDS['colour-block'].marks[0]}"
    return PATTERN_WORDS[look["pattern"]].marks[0]


def _pattern(old: Mapping[str, str], new: Mapping[str, str], random: Random) -> Change:
    allowed = {"pattern": frozenset((new["pattern"],))}
    if new["pattern"] == PLAIN:
        figures = _figures(old)
        ways: Ways = {
            "adjective": ["plain", "plain", "solid", "single-coloured", "unpatterned"],
            "in": ["one colour", "a single colour", "a solid colour"],
            "with": ["no pattern", f"no {figures}"],
            "remark": [f"without the {figures}", "without the pattern", "without a pattern", "without any pattern"],
            "command": [
                f"remove the {figures}",
                "remove the pattern",
                f"lose the {figures}",
                f"take the {figures} away",
            ],
        }
        return Change("removal", allowed, ways)
    adjectives = list(PATTERN_WORDS[new["pattern"]].adjectives)
    kept = old.get("second_colour")
    if kept is None or kept != new["second_colour"]:
        # A second colour the reference does not have is either spoken of or free.
        if kept is not None or random.random() < 0.6:
            word, means = colour_word(new["second_colour"], random, vague=0.03)
            allowed["second_colour"] = means
            figures = marks(new["pattern"], word, random)
            return Change("pattern", allowed, _figured(figures, old))
        if new["pattern"] == "colour-block":
            return Change(
                "pattern", allowed, {"adjective": adjectives, "command": ["make the lower half another colour"]}
            )
        figures = random.choice(PATTERN_WORDS[new["pattern"]].marks)
        return Change("pattern", allowed, {**_figured(figures, old), "adjective": adjectives})
    if new["pattern"] == "colour-block":
        figures = marks(new["pattern"], kept, random)
    else:
        figures = random.choice(PATTERN_WORDS[new["pattern"]].marks)
    return Change("pattern", allowed, {**_figured(figures, old), "adjective": adjectives})


def _figured(figures: str, old: Mapping[str, str]) -> Ways:
    ways: Ways = {"with": [figures], "command": [f"add {figures}"]}
    if old["pattern"] != PLAIN:
        ways["with"] = [
            figures,
            figures,
            f"{figures} instead of {_figures(old)}",
            f"{figures} instead of the {_figures(old)}",
        ]
        ways["command"] = [f"replace the {_figures(old)} with {figures}", f"change the {_figures(old)} to {figures}"]
    return ways


def _second_colour(old: Mapping[str, str], new: Mapping[str, str], random: Random) -> Change:
    word, means = colour_word(new["second_colour"], random, vague=0.03)
    if old["second_colour"] in means:
        word, means = new["second_colour"], frozenset((new["second_colour"],))
    figures, plain_figures = marks(old["pattern"], word, random), random.choice(PATTERN_WORDS[old["pattern"]].marks)
    ways: Ways = {
        "with": [figures, figures, f"the {plain_figures} in {word}", f"{figures} instead of {old['second_colour']}"],
        "command": [f"make the {plain_figures} {word}", f"change the {plain_figures} to {word}"],
    }
    return Change("second colour", {"second_colour": means}, ways)


def _detail(category: str, name: str, value: str) -> Change:
    """An attribute spoken of where the reference says nothing about it."""
    words = saying(category, name, value)
    ways: Ways = {"adjective": list(words.adjectives), "with": list(words.nouns), "remark": list(words.remarks)}
    return Change(name, {name: frozenset((value,))}, ways)


def _attribute(category: str, name: str, old: str, new: str, pronoun: str, random: Random) -> Change:
    compared = _compared(category, name, old, new, pronoun)
    if compared is not None and random.random() < 0.45:
        return compared
    words = saying(category, name, new)
    had = [bare(noun) for noun in saying(category, name, old).nouns if not noun.startswith("no ")]
    ways: Ways = {
        "adjective": list(words.adjectives),
        "with": list(words.nouns),
        "remark": list(words.remarks),
        "command": [],
    }
    gone = new == NONE or new == "sleeveless"
    if gone:
        bared = ["sleeves"] if name == "sleeve" else had
        if name == "pockets":
            bared = [*had, "pockets" if any(thing.endswith("pockets") for thing in had) else "pocket"]
        ways["remark"] += [f"without the {thing}" for thing in bared]
        ways["command"] = [f"{verb} the {thing}" for thing in bared for verb in ("remove", "lose", "drop", "take off")]
    elif old == NONE:
        ways["command"] = [f"{verb} {noun}" for noun in words.nouns for verb in ("add", f"give {pronoun}", "put on")]
    elif had:
        now = [noun for noun in words.nouns if not noun.startswith("no ")]
        ways["with"] = [*ways["with"] * 2, *(f"{noun} instead of the {thing}" for noun in now for thing in had[:1])]
        ways["command"] = [f"swap the {thing} for {noun}" for noun in now for thing in had[:2]]
        ways["command"] += [f"replace the {thing} with {noun}" for noun in now for thing in had[:1]]
    return Change("removal" if gone else name, {name: frozenset((new,))}, ways)


# By attribute: ways to say *further up* and *further down* the order of its values.
_COMPARED: Mapping[str, tuple[Ways, Ways]] = {
    "sleeve": (
        {"with": ["longer sleeves", "longer sleeves"], "command": ["make the sleeves longer", "lengthen the sleeves"]},
        {
            "with": ["shorter sleeves", "shorter sleeves"],
            "command": ["make the sleeves shorter", "shorten the sleeves"],
        },
    ),
    "length": (
        {"adjective": ["longer", "longer", "a bit longer", "longer cut"], "with": ["a longer cut", "more length"]},
        {"adjective": ["shorter", "shorter", "a bit shorter"], "with": ["a shorter cut", "less length"]},
    ),
    "fit": (
        {
            "adjective": ["wider", "looser", "less fitted", "roomier", "less tight"],
            "with": ["a wider cut", "a looser fit"],
        },
        {"adjective": ["slimmer", "more fitted", "narrower", "tighter"], "with": ["a slimmer cut", "a tighter fit"]},
    ),
    "heel": (
        {"with": ["a higher heel", "higher heels"], "command": ["make the heel higher"]},
        {"with": ["a lower heel", "lower heels"], "command": ["make the heel lower"]},
    ),
    "shaft": (
        {"with": ["a higher shaft", "a taller shaft", "a longer shaft"], "remark": ["going further up the leg"]},
        {"with": ["a lower shaft", "a shorter shaft"], "remark": ["ending lower on the leg"]},
    ),
    "brim": (
        {"with": ["a wider brim", "a broader brim", "a bigger brim"], "command": ["make the brim wider"]},
        {"with": ["a narrower brim", "a smaller brim"], "command": ["make the brim narrower", "make the brim smaller"]},
    ),
    "top": (
        {"with": ["a higher top"], "adjective": ["higher", "higher at the ankle"]},
        {"with": ["a lower top"], "adjective": ["lower", "lower at the ankle"]},
    ),
    "height": (
        {"adjective": ["taller", "higher", "a bit taller"]},
        {"adjective": ["lower", "shorter", "less tall"]},
    ),
}


def _compared(category: str, name: str, old: str, new: str, pronoun: str) -> Change | None:
    """The change as a comparative, which every value further along satisfies; none where the order has none."""
    order = [value for value in ORDERED.get(name, ()) if value in category_values(category, name)]
    if old not in order or new not in order:
        return None
    here, there = order.index(old), order.index(new)
    further = order[here + 1 :] if there > here else order[:here]
    if further == ["sleeveless"]:
        return None  # nobody calls none at all shorter
    ways = dict(_COMPARED[name][0 if there > here else 1])
    if name == "sleeve" and old == "sleeveless":
        ways = {"with": ["sleeves"], "command": ["add sleeves", f"give {pronoun} sleeves"]}
    if "adjective" in ways:
        simple = [word for word in ways["adjective"] if " " not in word]
        ways = {**ways, "command": [f"make {pronoun} {word}" for word in simple]}
    return Change("comparative", {name: frozenset(further)}, ways)
