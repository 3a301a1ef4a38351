"""Paraphrases of a modification, with wordings that are not in the training texts and exactly the same meaning."""

from collections.abc import Mapping, Sequence
from random import Random

from training.catalogue.language import rewordings
from training.catalogue.language.change import Change
from training.catalogue.language.detail_words import meaning, saying
from training.catalogue.language.differences import counterpart
from training.catalogue.language.modification import Question
from training.catalogue.language.nouns import NOUNS, Noun, bare, with_article
from training.catalogue.language.paint_differences import old_figures
from training.catalogue.language.paint_words import COLOUR_WORDS, PATTERN_WORDS, VAGUE_COLOURS, pattern_meaning
from training.catalogue.language.product_captions import joined
from training.catalogue.language.rewordings import Mood, Rewording
from training.catalogue.language.spelling import vary_spelling
from training.catalogue.world.world import COLOURS, NONE, ORDERED, PLAIN, Product

MAX_WORDS = 18

_HALVED = "colour-block"
_PAINTED = ("mug", "lamp")  # these are not dyed
_Way = tuple[Rewording, Mapping[str, str]]  # and the values for its fields
_FRAMES: Mapping[Mood, Sequence[str]] = {
    "deeds": rewordings.DEEDS,
    "states": rewordings.STATES,
    "remarks": rewordings.REMARKS,
}


def paraphrase(question: Question, random: Random) -> str:
    """Return the question's text in other words, which the same products satisfy."""
    while True:
        text = vary_spelling(_sentence(question, random), random)
        if len(text.split()) <= MAX_WORDS:
            return text


def _sentence(question: Question, random: Random) -> str:
    reference, changes = question.reference, question.modification.differences
    noun = random.choice(NOUNS[reference.category])
    named = {"noun": noun.text, "it": "them" if noun.plural else "it", "this": "these" if noun.plural else "this"}
    if changes[0].kind == "category":
        other = random.choice(NOUNS[question.target.category])
        head = random.choice(rewordings.OTHER_THING).format(thing=_named(other), name=other.text, **named)
        return ", ".join((head, *(_clause(question, change, "remarks", random) for change in changes[1:])))
    mood = random.choice(list(_FRAMES))
    clauses = [_clause(question, change, mood, random) for change in changes]
    # An "and" would refer back into a remark: "taking the place of grey and of the belted kind".
    loose = mood == "remarks" or any(" and " in clause for clause in clauses)
    return random.choice(_FRAMES[mood]).format(said=", ".join(clauses) if loose else joined(clauses), **named)


def _clause(question: Question, change: Change, mood: Mood, random: Random) -> str:
    reference, target = question.reference, question.target
    ways = [(way.in_mood(mood), words) for way, words in _ways(change, reference, target, random)]
    templates, words = random.choice([(templates, words) for templates, words in ways if templates])
    dye = "paint" if target.category in _PAINTED else "dye"
    they, it = ("they", "them") if NOUNS[reference.category][0].plural else ("it", "it")
    dyed = f"{dye.removesuffix('e')}ed"
    return random.choice(templates).format(they=they, it=it, dye=dye, dyed=dyed, **words)


def _ways(change: Change, reference: Product, target: Product, random: Random) -> list[_Way]:
    old, new = reference.look, target.look
    match change.kind:
        case "comparative" | "colour" if "colour" in change.allowed:
            return _colour(change, old, new, random)
        case "comparative":
            return _compared(change, reference, target)
        case "colours swapped":
            return [(rewordings.SWAPPED, {})]
        case "colours":
            both = [_colour_name(frozenset((new[name],)), random) for name in ("colour", "second_colour")]
            random.shuffle(both)
            return [(rewordings.BOTH_COLOURS, {"new": both[0], "other": both[1]})]
        case "second colour":
            word = _colour_name(change.allowed["second_colour"], random)
            if new["pattern"] == _HALVED:
                return [(rewordings.LOWER_HALF, {"new": word})]
            marks = random.choice(PATTERN_WORDS[new["pattern"]].marks)
            return [(rewordings.FIGURES_COLOUR, {"new": word, "old": marks})]
        case "pattern" | "removal" if "pattern" in change.allowed:
            return _no_pattern(old) if new["pattern"] == PLAIN else _pattern(change, old, new, random)
        case _:
            return _part(change, reference, target, random)


def _colour(change: Change, old: Mapping[str, str], new: Mapping[str, str], random: Random) -> list[_Way]:
    halved = old["pattern"] == new["pattern"] == _HALVED
    if change.kind == "comparative":
        darker = COLOURS.index(new["colour"]) > COLOURS.index(old["colour"])  # each family goes from light to dark
        if halved:
            return [(rewordings.DARKER_HALF if darker else rewordings.LIGHTER_HALF, {})]
        return [(rewordings.DARKER if darker else rewordings.LIGHTER, {})]
    words = {"new": _colour_name(change.allowed["colour"], random), "old": COLOUR_WORDS[old["colour"]][0]}
    if halved:
        return [(rewordings.UPPER_HALF, words)]
    patterned = old["pattern"] == new["pattern"] != PLAIN
    return [(rewordings.BASE_COLOUR if patterned else rewordings.COLOUR, words)]


def _pattern(change: Change, old: Mapping[str, str], new: Mapping[str, str], random: Random) -> list[_Way]:
    words, means = PATTERN_WORDS[new["pattern"]], change.allowed["pattern"]
    adjectives = [word for word in words.adjectives if pattern_meaning(new["pattern"], word) == means]
    mark = random.choice([word for word in words.marks if pattern_meaning(new["pattern"], word) == means])
    second = change.allowed.get("second_colour")
    halved, was_plain = new["pattern"] == _HALVED, old["pattern"] == PLAIN
    colour = _colour_name(second, random) if second else old.get("second_colour", "") if halved else ""
    if halved and not colour:
        return [(rewordings.OTHER_LOWER_HALF, {})]
    figures = f"{colour} {mark}".strip()
    if was_plain:
        ways: list[_Way] = [
            (rewordings.LOWER_HALF, {"new": colour}) if halved else (rewordings.FIGURES, {"new": figures})
        ]
    else:
        named = with_article(figures) if halved else figures
        ways = [(rewordings.OTHER_FIGURES, {"new": named, "old": old_figures(old, new["pattern"])})]
    return ways if second else [*ways, (rewordings.SORT, {"new": random.choice(adjectives)})]


def _no_pattern(old: Mapping[str, str]) -> list[_Way]:
    sort: _Way = (rewordings.SORT, {"new": PATTERN_WORDS[PLAIN].adjectives[0]})
    if old["pattern"] == _HALVED:
        return [(rewordings.ONE_COLOUR, {}), sort]
    return [(rewordings.PLAIN, {"old": thing}) for thing in (old_figures(old, PLAIN), "pattern")] + [sort]


def _compared(change: Change, reference: Product, target: Product) -> list[_Way]:
    (name,) = change.allowed
    old, new = (ORDERED[name].index(product.look[name]) for product in (reference, target))
    if reference.look[name] == "sleeveless":
        return [(rewordings.SLEEVES, {})]
    return [(rewordings.COMPARED[name][0 if new > old else 1], {})]


def _part(change: Change, reference: Product, target: Product, random: Random) -> list[_Way]:
    (name,) = change.allowed
    old = reference.look.get(name, NONE) if reference.category == target.category else None
    adjectives, nouns = _fitting(change, name, target)
    had = [] if old is None else [bare(noun) for noun in saying(reference.category, name, old).nouns]
    had = [noun for noun in had if not noun.startswith("no ")]
    ways: list[_Way] = []
    if change.kind == "removal":
        gone = {"sleeve": ["sleeves"], "handle": ["handle"]}.get(name, had)
        ways += [(rewordings.GONE, {"old": random.choice(gone)})] * 2
    elif nouns:
        noun = random.choice(nouns)
        if had:
            ways += [(rewordings.OTHER_PART, {"new": noun, "old": counterpart(noun, had)})]
        else:
            ways += [(rewordings.NEW_PART if old is not None else rewordings.PART, {"new": noun})]
    if adjectives:
        ways += [(rewordings.SORT, {"new": random.choice(adjectives)})]
    if not ways:  # "no pockets", for a product of another category
        none = [noun.removeprefix("no ") for noun in saying(target.category, name, target.look[name]).nouns]
        ways += [(rewordings.LACKING, {"new": random.choice(none)})]
    return ways


def _fitting(change: Change, name: str, target: Product) -> tuple[list[str], list[str]]:
    """Return the adjectives and the nouns that mean exactly the values that the change allows."""
    words, value = saying(target.category, name, target.look[name]), target.look[name]
    adjectives, nouns = (
        [word for word in choices if meaning(target.category, name, value, word) == change.allowed[name]]
        for choices in (words.adjectives, words.nouns)
    )
    return adjectives, [noun for noun in nouns if not noun.startswith("no ")]


def _colour_name(means: frozenset[str], random: Random) -> str:
    """Return a word for exactly these colours; for a single colour mostly the everyday word."""
    if len(means) == 1:
        (colour,) = means
        names = [
            name for name in COLOUR_WORDS[colour] if not name.endswith("coloured")
        ]  # "dye it sand-coloured" is not English
        return names[0] if random.random() < 0.7 else random.choice(names)
    return random.choice([word for word, colours in VAGUE_COLOURS.items() if frozenset(colours) == means])


def _named(noun: Noun) -> str:
    return noun.text if noun.plural else with_article(noun.text)
