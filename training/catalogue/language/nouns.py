"""Names of the categories, and their articles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from training.catalogue.language.detail_words import saying
from training.catalogue.language.paint_words import COLOUR_WORDS, PATTERN_WORDS, VAGUE_COLOURS
from training.catalogue.world.world import CATEGORIES


@dataclass(frozen=True, slots=True)
class Noun:
    """One name of a category; `plural` decides between *it* and *them*."""

    text: str
    plural: bool


# Every name belongs to exactly one category; the first is the plain one, used in titles.
NOUNS: Mapping[str, tuple[Noun, ...]] = {
    category: tuple(Noun(text, plural) for text in names)
    for category, plural, names in (
        ("t-shirt", False, ("t-shirt", "tee", "T-shirt", "tshirt", "tee shirt")),
        ("shirt", False, ("shirt", "button-up shirt", "button-down shirt", "button-up")),
        ("sweater", False, ("sweater", "jumper", "pullover", "knitted sweater")),
        ("hoodie", False, ("hoodie", "hooded sweatshirt", "hoody")),
        ("jacket", False, ("jacket",)),
        ("coat", False, ("coat", "coat", "overcoat")),
        ("dress", False, ("dress", "dress", "frock")),
        ("skirt", False, ("skirt",)),
        ("trousers", True, ("trousers", "pants", "slacks")),
        ("shorts", True, ("shorts",)),
        ("sneakers", True, ("sneakers", "trainers", "sport shoes")),
        ("boots", True, ("boots",)),
        ("heels", True, ("heels", "pumps", "court shoes")),
        ("handbag", False, ("handbag", "purse", "hand bag")),
        ("backpack", False, ("backpack", "rucksack", "back pack")),
        ("hat", False, ("hat",)),
        ("beanie", False, ("beanie", "woolly hat", "knitted cap", "knit hat")),
        ("mug", False, ("mug", "cup", "coffee mug")),
        ("cushion", False, ("cushion", "pillow", "throw pillow")),
        ("lamp", False, ("lamp", "table lamp")),
    )
}


def vocabulary() -> Iterator[str]:
    """Yield every name, colour, pattern and saying as a phrase."""
    for names in NOUNS.values():
        yield from (noun.text for noun in names)
    for words in (*COLOUR_WORDS.values(), VAGUE_COLOURS):
        yield from words
    for shape in PATTERN_WORDS.values():
        yield from (*shape.adjectives, *shape.marks)
    for kind, category in CATEGORIES.items():
        for attribute, values in category.attributes.items():
            for value in values:
                wordings = saying(kind, attribute, value)
                yield from (*wordings.adjectives, *wordings.nouns, *wordings.remarks)


def bare(phrase: str) -> str:
    """Return the phrase without its article, as a hurried shopper types it."""
    for article in ("a ", "an "):
        if phrase.startswith(article):
            return phrase[len(article) :]
    return phrase


def with_article(phrase: str) -> str:
    """Return the phrase with *a* or *an*, chosen by its sound."""
    return f"{'an' if phrase[:1].lower() in 'aeiou' and not phrase.startswith(('uni', 'eu')) else 'a'} {phrase}"


def category_values(category: str, attribute: str) -> tuple[str, ...]:
    """Return the values that the attribute has in that category; empty if it has none."""
    return CATEGORIES[category].attributes.get(attribute, ())
