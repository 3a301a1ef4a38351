"""Captions and titles: the look of a product in the words of a shop or a shopper."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from training.catalogue.language.detail_words import meaning, saying
from training.catalogue.language.nouns import NOUNS, Noun, bare, with_article
from training.catalogue.language.paint_words import COLOUR_WORDS, PATTERN_WORDS, VAGUE_COLOURS, pattern_meaning
from training.catalogue.language.spelling import vary_spelling
from training.catalogue.world.world import PLAIN, Product, Wish

MAX_WORDS = 23  # longer captions leave an attribute out, so that the tokenizer cuts none

_FULL_SHARE = 0.7  # share of the captions that mention (nearly) all visible attributes
_FABRICS: Mapping[str, tuple[str, ...]] = {
    "t-shirt": ("cotton", "jersey", "slub-cotton", "organic-cotton"),
    "shirt": ("linen-look", "poplin", "Oxford", "brushed-cotton"),
    "sweater": ("merino-blend", "lambswool", "cotton-knit", "cashmere-feel"),
    "hoodie": ("fleece", "loopback", "heavyweight"),
    "jacket": ("twill", "canvas", "softshell", "waxed"),
    "coat": ("wool-blend", "felted", "gabardine"),
    "dress": ("viscose", "linen-look", "crêpe", "jersey"),
    "skirt": ("twill", "viscose", "linen-look"),
    "trousers": ("chino", "twill", "linen-look", "stretch"),
    "shorts": ("chino", "ripstop", "linen-look"),
    "sneakers": ("canvas", "suede-look", "mesh"),
    "boots": ("leather-look", "suede-look", "grained"),
    "heels": ("satin", "suede-look", "leather-look"),
    "handbag": ("leather-look", "canvas", "grained"),
    "backpack": ("canvas", "ripstop", "recycled"),
    "hat": ("felt", "straw-look", "cotton"),
    "beanie": ("merino-blend", "ribbed", "chunky-knit"),
    "mug": ("stoneware", "porcelain", "enamel-look"),
    "cushion": ("linen-look", "velvet", "woven"),
    "lamp": ("linen-shade", "paper-shade", "cotton-shade"),
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text, and exactly the values that its words claim."""

    text: str
    wish: Wish


@dataclass(slots=True)
class _Parts:
    """Parts of a caption: before the noun, after *in*, after *with*, and remarks."""

    adjectives: list[str] = field(default_factory=list)
    paint: str = ""  # the adjective of colour and pattern
    tail: str = ""  # the words after *in*
    nouns: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    claims: dict[str, frozenset[str]] = field(default_factory=dict)


def caption(product: Product, random: Random) -> Phrase:
    """Draw a true description in one of many wordings, and the wish that accepts all products it describes."""
    named = _spoken_attributes(product, random)
    style = random.choices((_sentence, _list, _adjectives, _noun_first, _request), (30, 34, 8, 14, 14))[0]
    noun = random.choice(NOUNS[product.category])
    while True:
        parts = _parts(product, named, random, only_adjectives=style is _adjectives)
        text = vary_spelling(style(noun, parts, random), random)
        if len(text.split()) <= MAX_WORDS:
            wish = Wish({"category": frozenset((product.category,)), **parts.claims})
            return Phrase(text, wish)
        named = named[:-1]


def title(product: Product) -> str:
    """Return a short title for a shop card, always the same for the same product."""
    look = product.look
    fabrics = _FABRICS[product.category]
    fabric = fabrics[product.picture_seed % len(fabrics)]
    pattern = () if look["pattern"] == PLAIN else (PATTERN_WORDS[look["pattern"]].adjectives[0],)
    return " ".join((product.brand, look["colour"], *pattern, fabric, NOUNS[product.category][0].text))


def colour_word(colour: str, random: Random, *, vague: float) -> tuple[str, frozenset[str]]:
    """Draw a word for the colour, and the colours it may mean; with probability `vague` a word for two colours."""
    if random.random() < vague:
        words = [word for word, means in VAGUE_COLOURS.items() if colour in means]
        if words:
            word = random.choice(words)
            return word, frozenset(VAGUE_COLOURS[word])
    words = list(COLOUR_WORDS[colour])
    # The everyday word most of the time.
    word = words[0] if random.random() < 0.7 else random.choice(words)
    return word, frozenset((colour,))


def marks(pattern: str, colour: str, random: Random) -> tuple[str, frozenset[str]]:
    """Draw a pattern's figures in a colour, as "white dots" or "a red lower half", and the patterns they may mean."""
    word = random.choice(PATTERN_WORDS[pattern].marks)
    text = f"{colour} {word}"
    return with_article(text) if pattern == "colour-block" else text, pattern_meaning(pattern, word)


def joined(phrases: Sequence[str]) -> str:
    """Join phrases: one, two, or "one, two and three"."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _spoken_attributes(product: Product, random: Random) -> list[str]:
    """Draw the attributes that the caption mentions, the most important first."""
    names = list(product.look)
    if random.random() < _FULL_SHARE:
        named = [name for name in names if name in ("colour", "pattern") or random.random() < 0.95]
    else:
        weights = {"colour": 4.0, "pattern": 3.0, "second_colour": 2.0}
        ranked = sorted(names, key=lambda name: random.random() ** (1 / weights.get(name, 1.0)), reverse=True)
        named = ranked[: random.choice((2, 3, 3, 4, 4))]
    details = [name for name in named if name not in _PAINT]
    random.shuffle(details)
    return [name for name in _PAINT if name in named] + details


_PAINT = ("colour", "pattern", "second_colour")


def _parts(product: Product, named: Iterable[str], random: Random, *, only_adjectives: bool) -> _Parts:
    parts = _Parts()
    named = tuple(named)
    _paint(parts, product.look, named, random)
    for name in named:
        if name in _PAINT:
            continue
        words = saying(product.category, name, product.look[name])
        if only_adjectives and not words.adjectives:
            continue
        roles = [(parts.nouns, words.nouns, 6), (parts.remarks, words.remarks, 2)]
        if len(parts.adjectives) < 2 or only_adjectives:
            roles.append((parts.adjectives, words.adjectives, 60 if only_adjectives else 6))
        usable = [(place, choices, weight) for place, choices, weight in roles if choices]
        if not usable:
            continue
        place, choices, _ = random.choices(usable, [weight for *_, weight in usable])[0]
        chosen = random.choice(choices)
        place.append(chosen)
        parts.claims[name] = meaning(product.category, name, product.look[name], chosen)
    random.shuffle(parts.nouns)
    return parts


def _paint(parts: _Parts, look: Mapping[str, str], named: Sequence[str], random: Random) -> None:
    """Add colour, pattern and second colour to the parts, if the caption mentions them."""
    pattern = look["pattern"]
    colour, means = colour_word(look["colour"], random, vague=0.05)
    if "colour" in named:
        parts.claims["colour"] = means
    if "pattern" in named or "second_colour" in named:
        parts.claims["pattern"] = frozenset((pattern,))
    shape = random.choice(PATTERN_WORDS[pattern].adjectives)
    shape_means = pattern_meaning(pattern, shape)
    if "second_colour" in named:
        second, second_means = colour_word(look["second_colour"], random, vague=0.03)
        parts.claims["second_colour"] = second_means
        if "colour" not in named:
            parts.nouns.append(_claimed(parts, *marks(pattern, second, random)))
        elif random.random() < 0.3:
            # "red and white striped" does not say which of the two is the ground.
            both = means | second_means
            parts.claims["colour"] = parts.claims["second_colour"] = both
            pair = [colour, second] if random.random() < 0.7 else [second, colour]
            parts.paint = f"{' and '.join(pair)} {_claimed(parts, shape, shape_means)}"
        elif pattern == "colour-block" and random.random() < 0.6:
            ends = random.choice((("above", "below"), ("on top", "below"), ("at the top", "at the bottom")))
            parts.remarks.append(f"{colour} {ends[0]} and {second} {ends[1]}")
        elif pattern != "colour-block" and random.random() < 0.25:
            parts.nouns.append(f"{_claimed(parts, *marks(pattern, second, random))} on {colour}")
        else:
            _place_colour(parts, colour, random)
            parts.nouns.append(_claimed(parts, *marks(pattern, second, random)))
    elif "pattern" in named and "colour" in named:
        if pattern == PLAIN and random.random() < 0.25:
            _place_colour(parts, colour, random)
            parts.remarks.append(random.choice(("no pattern", "without a pattern", "without any pattern")))
        elif pattern == PLAIN:
            _place_colour(parts, f"{shape} {colour}", random)
        elif random.random() < 0.25:
            _place_colour(parts, colour, random)
            figures = random.choice(PATTERN_WORDS[pattern].marks)
            _claimed(parts, figures, pattern_meaning(pattern, figures))
            parts.nouns.append(f"another colour in the {figures}" if pattern == "colour-block" else figures)
        else:
            _claimed(parts, shape, shape_means)
            parts.paint = f"{colour} {shape}" if random.random() < 0.7 else f"{shape} {colour}"
    elif "pattern" in named:
        parts.paint = _claimed(parts, shape, shape_means)
    elif "colour" in named:
        _place_colour(parts, colour, random)


def _claimed(parts: _Parts, words: str, patterns: frozenset[str]) -> str:
    """Return the words, after noting the patterns that they claim."""
    parts.claims["pattern"] = patterns
    return words


def _place_colour(parts: _Parts, words: str, random: Random) -> None:
    if random.random() < 0.6:
        parts.paint = words
    else:
        parts.tail = words


def _ahead(parts: _Parts, random: Random) -> list[str]:
    """Return the adjectives in their order, the colour mostly next to the noun."""
    ahead = list(parts.adjectives)
    if parts.paint:
        ahead.insert(len(ahead) if random.random() < 0.6 else 0, parts.paint)
    return ahead


def _sentence(noun: Noun, parts: _Parts, random: Random) -> str:
    """ "A slim long-sleeved shirt in navy with white dots, a band collar and a chest pocket." """
    text = _described(noun, parts, random, article=True)
    text = text[0].upper() + text[1:]
    return f"{text}." if random.random() < 0.4 else text


def _request(noun: Noun, parts: _Parts, random: Random) -> str:
    """ "looking for a red tee with long sleeves" """
    opening = random.choice(
        ("looking for {}", "I want {}", "i need {}", "show me {}", "{} please", "I'm after {}", "do you have {}?", "{}")
    )
    return opening.format(_described(noun, parts, random, article=True))


def _described(noun: Noun, parts: _Parts, random: Random, *, article: bool) -> str:
    head = " ".join((*_ahead(parts, random), noun.text))
    if article and noun.plural and random.random() < 0.3:
        head = f"a pair of {head}"
    elif article and not noun.plural:
        head = with_article(head)
    if parts.tail:
        head = f"{head} in {parts.tail}"
    if parts.nouns:
        head = f"{head} with {joined(parts.nouns)}"
    return ", ".join((head, *parts.remarks))


def _list(noun: Noun, parts: _Parts, random: Random) -> str:
    """ "red striped tee, long sleeves, v-neck" """
    head = " ".join((*_ahead(parts, random), noun.text))
    if parts.tail:
        head = f"{head} in {parts.tail}" if random.random() < 0.5 else f"{head}, {parts.tail}"
    details = [*parts.nouns, *parts.remarks]
    if random.random() < 0.7:
        details = [bare(detail) for detail in details]
    return (", " if random.random() < 0.8 else " ").join((head, *details))


def _adjectives(noun: Noun, parts: _Parts, random: Random) -> str:
    """ "navy sleeveless slim midi dress" """
    ahead = _ahead(parts, random)
    if parts.tail:
        ahead.insert(random.randrange(len(ahead) + 1), parts.tail)
    ahead += [f"{words}," for words in (*parts.nouns, *parts.remarks)]
    return " ".join((*ahead, noun.text))


def _noun_first(noun: Noun, parts: _Parts, random: Random) -> str:
    """ "dress in navy, long sleeves, slim" """
    colours = [words for words in (parts.paint, parts.tail) if words]
    head = noun.text
    rest = [*parts.adjectives, *parts.nouns, *parts.remarks]
    random.shuffle(rest)
    if colours and random.random() < 0.5:
        head = f"{head} in {colours[0]}"
    else:
        rest = [*colours, *rest]
    opening = random.choice((", ", ": ", " - "))
    return opening.join((head, ", ".join(rest))) if rest else head
