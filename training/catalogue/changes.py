"""What differs between a reference and a target, and the ways to say each difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.catalogue.comparatives import COMPARED
from training.catalogue.describe import colour_word, marks
from training.catalogue.detail_words import Saying, meaning, saying
from training.catalogue.families import darker, lighter
from training.catalogue.paint_words import PATTERN_WORDS, pattern_meaning
from training.catalogue.words import NOUNS, bare, category_values, with_article
from training.catalogue.world import NONE, ORDERED, PLAIN, Product

# Where a way of saying can stand: "make it ADJECTIVE" or "an ADJECTIVE one", only "a BEFORE one", only
# "make it AFTER", "in IN", "with WITH", "AS a skirt", a REMARK of its own, a COMMAND such as "add a belt", or
# the CATEGORY, which is said by naming the thing.
ROLES = ("adjective", "before", "after", "in", "with", "as", "remark", "command", "category")

# Adjectives that stand before a noun only: nobody says "make it pencil".
_BEFORE = frozenset(("pencil", "ankle", "bucket", "bermuda", "tripod", "pinstripe", "chevron", "square-neck")) | {
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
            found.append(_detail(target.category, name, target.look[name], random))
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
    ways: Ways = {"category": [""], "as": [], "command": []}
    for noun in names:
        named = noun.text if noun.plural else with_article(noun.text)
        ways["as"] += [f"as {named}", f"as {named}", f"as {named} instead of {old_name}"]
        ways["command"] += [f"turn {pronoun} into {named}", f"change {pronoun} to {named}"]
        if noun.plural == old_noun.plural:  # "make them a sweater" would be a present
            ways["command"].append(f"make {pronoun} {named}")
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
    halved = old["pattern"] == new["pattern"] == "colour-block"  # then "in red" would not say which half
    half = random.choice(("upper half", "top half", "upper part"))
    for word, further in (("darker", darker(old["colour"])), ("lighter", lighter(old["colour"]))):
        if new["colour"] in further and random.random() < 0.55:
            allowed = {"colour": frozenset(further)}
            if halved:
                ways: Ways = {"with": [f"a {word} {half}"], "command": [f"make the {half} {word}"]}
                return Change("comparative", allowed, ways)
            ways = {
                "adjective": [word],
                "after": [f"a bit {word}", f"{word} in colour"],
                "in": [f"a {word} colour", f"a {word} shade", f"a {word} tone"],
                "command": [f"make the colour {word}", f"make {pronoun} {word}"],
            }
            return Change("comparative", allowed, ways)
    said, means = colour_word(new["colour"], random, vague=0.06)
    if old["colour"] in means:
        said, means = new["colour"], frozenset((new["colour"],))
    before = colour_word(old["colour"], random, vague=0)[0]
    if halved:
        ways = {
            "with": [with_article(f"{said} {half}"), f"the {half} in {said}"],
            "command": [f"make the {half} {said}", f"change the {half} to {said}", f"change {before} to {said}"],
        }
        return Change("colour", {"colour": means}, ways)
    ways = {
        "in": [said] * 4 + [f"{said} instead of {before}", f"{said} rather than {before}"],
        "adjective": [said],
        "command": [f"change the colour to {said}", f"make {pronoun} {said}", f"change {before} to {said}"],
    }
    if old["pattern"] not in (PLAIN, "colour-block") and new["pattern"] not in (PLAIN, "colour-block"):
        ways["with"] = [with_article(f"{said} background")]
    return Change("colour", {"colour": means}, ways)


def _figures(look: Mapping[str, str], new: str) -> str:
    """What a reference's pattern is called when another is to take its place."""
    if look["pattern"] == "colour-block":
        return f"{look['second_colour']} {PATTERN_WORDS['colour-block'].marks[0]}"
    if look["pattern"] == "striped" and new == "pinstriped":
        return "horizontal stripes"
    return PATTERN_WORDS[look["pattern"]].marks[0]


def _pattern(old: Mapping[str, str], new: Mapping[str, str], random: Random) -> Change:
    if new["pattern"] == PLAIN:
        return _no_pattern(old, recoloured=old["colour"] != new["colour"])
    words = PATTERN_WORDS[new["pattern"]]
    meanings = [pattern_meaning(new["pattern"], word) for word in words.marks]
    means = random.choice([means for means in meanings if old["pattern"] not in means])
    adjectives, figures = (
        [word for word in choices if pattern_meaning(new["pattern"], word) == means]
        for choices in (words.adjectives, words.marks)
    )
    allowed = {"pattern": means}
    shapes: Ways = {
        "adjective": [word for word in adjectives if word not in _BEFORE],
        "before": [word for word in adjectives if word in _BEFORE],
    }
    kept = old.get("second_colour")
    halved = new["pattern"] == "colour-block"
    # A second colour the reference does not have is either spoken of or free.
    if kept != new["second_colour"] and (kept is not None or random.random() < 0.6):
        word, colours = colour_word(new["second_colour"], random, vague=0.03)
        allowed["second_colour"] = colours
        figure = f"{word} {random.choice(figures)}"
        return Change("pattern", allowed, _figured(with_article(figure) if halved else figure, old, new))
    if halved and kept is None:
        return Change("pattern", allowed, {**shapes, "command": ["make the lower half another colour"]})
    figure = with_article(f"{kept} {random.choice(figures)}") if halved else random.choice(figures)
    return Change("pattern", allowed, {**_figured(figure, old, new), **shapes})


def _no_pattern(old: Mapping[str, str], *, recoloured: bool) -> Change:
    allowed = {"pattern": frozenset((PLAIN,))}
    ways: Ways = {"adjective": ["plain", "plain", "solid", "single-coloured"]}
    if not recoloured:  # "in red and one colour" is no English
        ways["in"] = ["one colour", "a single colour", "a solid colour"]
    if old["pattern"] == "colour-block":  # without its lower half nothing would be left of it
        second = old["second_colour"]
        ways["remark"] = ["without the second colour", f"without the {second}", "the same colour all over"]
        ways["command"] = ["remove the second colour", "lose the second colour", f"lose the {second}"]
    else:
        figures = _figures(old, PLAIN)
        ways["adjective"] += ["unpatterned"]
        ways["with"] = ["no pattern", f"no {figures}"]
        ways["remark"] = [f"without the {figures}", "without the pattern", "without a pattern", "without any pattern"]
        ways["command"] = [
            f"{verb} the {thing}" for verb in ("remove", "lose", "drop") for thing in (figures, "pattern")
        ]
    return Change("removal", allowed, ways)


def _figured(figures: str, old: Mapping[str, str], new: Mapping[str, str]) -> Ways:
    ways: Ways = {"with": [figures], "command": [f"add {figures}"]}
    if old["pattern"] != PLAIN:
        gone = _figures(old, new["pattern"])
        # Two phrases of other places would be needed for a half: "instead of white lower half" is no English.
        loose = [f"{figures} instead of {gone}"] if old["pattern"] != "colour-block" else []
        ways["with"] = [figures, figures, *loose, f"{figures} instead of the {gone}"]
        ways["command"] = [f"replace the {gone} with {figures}", f"change the {gone} to {figures}"]
    return ways


def _second_colour(old: Mapping[str, str], new: Mapping[str, str], random: Random) -> Change:
    word, means = colour_word(new["second_colour"], random, vague=0.03)
    if old["second_colour"] in means:
        word, means = new["second_colour"], frozenset((new["second_colour"],))
    figures, plain_figures = marks(old["pattern"], word, random)[0], random.choice(PATTERN_WORDS[old["pattern"]].marks)
    ways: Ways = {
        "with": [figures, figures, f"the {plain_figures} in {word}", f"{figures} instead of {old['second_colour']}"],
        "command": [f"make the {plain_figures} {word}", f"change the {plain_figures} to {word}"],
    }
    return Change("second colour", {"second_colour": means}, ways)


def _sayings(category: str, name: str, old: str | None, new: str, random: Random) -> tuple[Saying, frozenset[str]]:
    """Ways to say the new value that all hold for the same values, never for the old one; and these values."""
    words = saying(category, name, new)
    every = (*words.adjectives, *words.nouns, *words.remarks)
    means = random.choice([means for word in every if old not in (means := meaning(category, name, new, word))])

    def fitting(choices: Sequence[str]) -> tuple[str, ...]:
        return tuple(word for word in choices if meaning(category, name, new, word) == means)

    return Saying(fitting(words.adjectives), fitting(words.nouns), fitting(words.remarks)), means


def _said(words: Saying) -> Ways:
    return {
        "adjective": [word for word in words.adjectives if word not in _BEFORE],
        "before": [word for word in words.adjectives if word in _BEFORE],
        "with": list(words.nouns),
        "remark": list(words.remarks),
    }


def _detail(category: str, name: str, value: str, random: Random) -> Change:
    """An attribute spoken of where the reference says nothing about it."""
    words, means = _sayings(category, name, None, value, random)
    return Change(name, {name: means}, _said(words))


_MEASURES = ("length", "fit", "height")  # no parts, which could be swapped


def _attribute(category: str, name: str, old: str, new: str, pronoun: str, random: Random) -> Change:
    compared = _compared(category, name, old, new, pronoun)
    if compared is not None and random.random() < 0.45:
        return compared
    words, means = _sayings(category, name, old, new, random)
    had = [bare(noun) for noun in saying(category, name, old).nouns if not noun.startswith("no ")]
    now = [noun for noun in words.nouns if not noun.startswith("no ")]
    ways = _said(words)
    gone = new == NONE or new == "sleeveless"
    if gone:
        bared = {"sleeve": ["sleeves"], "handle": ["handle"]}.get(name, had)
        if name == "pockets":
            bared = [*had, "pockets" if any(thing.endswith("pockets") for thing in had) else "pocket"]
        ways["remark"] += [f"without the {thing}" for thing in bared]
        ways["command"] = [f"{verb} the {thing}" for thing in bared for verb in ("remove", "lose", "drop", "take off")]
    elif name in _MEASURES:
        ways["command"] = [f"make {pronoun} {word}" for word in ways["adjective"]]
        if had:
            ways["with"] = [*now * 2, *(f"{noun} instead of the {_counterpart(noun, had)}" for noun in now)]
    elif had:
        ways["with"] = [*words.nouns * 2, *(f"{noun} instead of the {_counterpart(noun, had)}" for noun in now)]
        ways["command"] = [f"swap the {thing} for {noun}" for noun in now for thing in had[:2]]
        ways["command"] += [f"replace the {_counterpart(noun, had)} with {noun}" for noun in now]
    else:  # the reference has nothing in that place
        ways["command"] = [command for noun in now for command in (f"add {noun}", f"give {pronoun} {noun}")]
    return Change("removal" if gone else name, {name: means}, ways)


def _counterpart(noun: str, had: Sequence[str]) -> str:
    """What the reference has, called as the new thing is where that can be: "a wide fit", so "the slim fit"."""
    return next((thing for thing in had if thing.split()[-1] == noun.split()[-1]), had[0])


def _compared(category: str, name: str, old: str, new: str, pronoun: str) -> Change | None:
    """The change as a comparative, which every value further along satisfies; none where there is no such."""
    order = [value for value in ORDERED.get(name, ()) if value in category_values(category, name)]
    if old not in order or new not in order:
        return None
    here, there = order.index(old), order.index(new)
    further = order[here + 1 :] if there > here else order[:here]
    further = [value for value in further if value != "sleeveless"]  # nobody calls none at all shorter
    if not further or new == "sleeveless":
        return None
    ways = dict(COMPARED[name][0 if there > here else 1])
    if name == "sleeve" and old == "sleeveless":
        ways = {"with": ["sleeves"], "command": ["add sleeves", f"give {pronoun} sleeves"]}
    if "adjective" in ways:
        ways = {**ways, "command": [f"make {pronoun} {word}" for word in ways["adjective"]]}
    return Change("comparative", {name: frozenset(further)}, ways)
