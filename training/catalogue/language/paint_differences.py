"""Differences in colour and pattern, and their wordings."""

from collections.abc import Mapping
from random import Random

from training.catalogue.language.change import BEFORE, Change, Ways
from training.catalogue.language.nouns import with_article
from training.catalogue.language.paint_words import PATTERN_WORDS, pattern_meaning
from training.catalogue.language.product_captions import colour_word, marks
from training.catalogue.world.colour_families import darker, lighter
from training.catalogue.world.world import PLAIN


def paint(old: Mapping[str, str], new: Mapping[str, str], pronoun: str, random: Random) -> list[Change]:
    """Return the differences in colour, pattern and second colour, in a natural order."""
    changes = []
    patterned = new["pattern"] != PLAIN
    recoloured = new["colour"] != old["colour"]
    if patterned and old["pattern"] == new["pattern"] and recoloured and new["second_colour"] != old["second_colour"]:
        pair = _pair(old, new, pronoun, random)
        if pair is not None and random.random() < 0.6:
            return [pair]
    if recoloured:
        changes.append(_colour(old, new, pronoun, random))
    if new["pattern"] != old["pattern"]:
        changes.append(_pattern(old, new, random))
    elif patterned and new["second_colour"] != old["second_colour"]:
        changes.append(_second_colour(old, new, random))
    return changes


def _pair(old: Mapping[str, str], new: Mapping[str, str], pronoun: str, random: Random) -> Change | None:
    """Return a change of both colours at once; None if the words would describe the reference as well."""
    one, other = new["colour"], new["second_colour"]
    if (one, other) == (old["second_colour"], old["colour"]):
        allowed = {"colour": frozenset((one,)), "second_colour": frozenset((other,))}
        ways: Ways = {
            "command": ["swap the two colours", "swap the colours", "exchange the two colours"],
            "with": ["the colours the other way round", "the two colours swapped"],
        }
        return Change("colours swapped", allowed, ways)
    colour_name, means = colour_word(one, random, vague=0)
    also, also_means = colour_word(other, random, vague=0)
    both = f"{colour_name} and {also}" if random.random() < 0.75 else f"{also} and {colour_name}"
    ways = {"in": [both], "adjective": [both], "command": [f"change the colours to {both}", f"make {pronoun} {both}"]}
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
    colour_name, means = colour_word(new["colour"], random, vague=0.06)
    if old["colour"] in means:
        colour_name, means = new["colour"], frozenset((new["colour"],))
    before = colour_word(old["colour"], random, vague=0)[0]
    if halved:
        ways = {
            "with": [with_article(f"{colour_name} {half}"), f"the {half} in {colour_name}"],
            "command": [
                f"make the {half} {colour_name}",
                f"change the {half} to {colour_name}",
                f"change {before} to {colour_name}",
            ],
        }
        return Change("colour", {"colour": means}, ways)
    ways = {
        "in": [colour_name] * 4 + [f"{colour_name} instead of {before}", f"{colour_name} rather than {before}"],
        "adjective": [colour_name],
        "command": [
            f"change the colour to {colour_name}",
            f"make {pronoun} {colour_name}",
            f"change {before} to {colour_name}",
        ],
    }
    if old["pattern"] not in (PLAIN, "colour-block") and new["pattern"] not in (PLAIN, "colour-block"):
        ways["with"] = [with_article(f"{colour_name} background")]
    return Change("colour", {"colour": means}, ways)


def old_figures(look: Mapping[str, str], new: str) -> str:
    """Return the name of the reference's pattern in a text that replaces it."""
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
        "adjective": [word for word in adjectives if word not in BEFORE],
        "before": [word for word in adjectives if word in BEFORE],
    }
    old_second = old.get("second_colour")
    halved = new["pattern"] == "colour-block"
    # A second colour that the reference does not have is either mentioned or free.
    if old_second != new["second_colour"] and (old_second is not None or random.random() < 0.6):
        word, colours = colour_word(new["second_colour"], random, vague=0.03)
        allowed["second_colour"] = colours
        figure = f"{word} {random.choice(figures)}"
        return Change("pattern", allowed, _figured(with_article(figure) if halved else figure, old, new))
    if halved and old_second is None:
        return Change("pattern", allowed, {**shapes, "command": ["make the lower half another colour"]})
    figure = with_article(f"{old_second} {random.choice(figures)}") if halved else random.choice(figures)
    return Change("pattern", allowed, {**_figured(figure, old, new), **shapes})


def _no_pattern(old: Mapping[str, str], *, recoloured: bool) -> Change:
    allowed = {"pattern": frozenset((PLAIN,))}
    ways: Ways = {"adjective": ["plain", "plain", "solid", "single-coloured"]}
    if not recoloured:  # "in red and one colour" is not English
        ways["in"] = ["one colour", "a single colour", "a solid colour"]
    if old["pattern"] == "colour-block":  # without its lower half nothing of it would remain
        second = old["second_colour"]
        ways["remark"] = ["without the second colour", f"without the {second}", "the same colour all over"]
        ways["command"] = ["remove the second colour", "lose the second colour", f"lose the {second}"]
    else:
        figures = old_figures(old, PLAIN)
        ways["adjective"] += ["unpatterned"]
        ways["with"] = ["no pattern", f"no {figures}"]
        ways["remark"] = [f"without the {figures}", "without the pattern", "without a pattern", "without any pattern"]
        things = (figures, "pattern")
        ways["command"] = [f"{verb} the {thing}" for verb in ("remove", "lose", "drop") for thing in things]
    return Change("removal", allowed, ways)


def _figured(figures: str, old: Mapping[str, str], new: Mapping[str, str]) -> Ways:
    ways: Ways = {"with": [figures], "command": [f"add {figures}"]}
    if old["pattern"] != PLAIN:
        gone = old_figures(old, new["pattern"])
        # A half needs two phrases in other places: "instead of white lower half" is not English.
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
