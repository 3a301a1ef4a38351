"""Captions: true of their product, exact in their claims, short enough, and varied."""

import hashlib
import re
import statistics
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from random import Random

import pytest

from training.catalogue.language.detail_words import meaning, saying
from training.catalogue.language.nouns import NOUNS, bare, with_article
from training.catalogue.language.paint_words import COLOUR_WORDS, PATTERN_WORDS, VAGUE_COLOURS, pattern_meaning
from training.catalogue.language.product_captions import Phrase, caption, colour_word, joined, marks, title
from training.catalogue.world.sample import product
from training.catalogue.world.world import CATEGORIES, COLOURS, NONE, PATTERNS, PLAIN, Product, Wish

SHOP = [product(index, split="test", seed=7) for index in range(4000)]
PHRASES = [caption(product, Random(f"caption/{product.id}")) for product in SHOP]


def plainly(text: str) -> str:
    """Return the words alone, in one spelling."""
    return " ".join(re.findall(r"[\w/']+", text.lower().replace("colour", "color")))


def test_every_caption_is_true_of_its_product() -> None:
    assert all(phrase.wish.accepts(product) for phrase, product in zip(PHRASES, SHOP, strict=True))


def test_a_caption_claims_no_detail_that_it_does_not_say() -> None:
    for phrase, thing in zip(PHRASES, SHOP, strict=True):
        for name in set(phrase.wish.allowed) & set(CATEGORIES[thing.category].attributes):
            words = saying(thing.category, name, thing.look[name])
            ways = (*words.adjectives, *map(bare, words.nouns), *words.remarks)
            assert any(plainly(way) in plainly(phrase.text) for way in ways), (phrase, name)


def test_a_caption_that_claims_a_colour_says_one_of_its_names() -> None:
    for phrase in PHRASES:
        for name in {"colour", "second_colour"} & set(phrase.wish.allowed):
            means = phrase.wish.allowed[name]
            words = [word for colour in means for word in COLOUR_WORDS[colour]] + list(VAGUE_COLOURS)
            assert any(plainly(word) in plainly(phrase.text) for word in words), phrase


def test_a_caption_always_names_the_category() -> None:
    for phrase, thing in zip(PHRASES, SHOP, strict=True):
        assert phrase.wish.allowed["category"] == {thing.category}
        assert any(plainly(noun.text) in plainly(phrase.text) for noun in NOUNS[thing.category]), phrase


@pytest.mark.slow
def test_captions_describe_few_products() -> None:
    by_category: dict[str, list[Product]] = defaultdict(list)
    for thing in SHOP:
        by_category[thing.category].append(thing)
    counts = [
        sum(map(phrase.wish.accepts, by_category[thing.category]))
        for phrase, thing in list(zip(PHRASES, SHOP, strict=True))[:1500]
    ]
    assert statistics.median(counts) == 1
    assert statistics.mean(counts) < 4


def test_captions_are_short_and_mostly_different() -> None:
    lengths = sorted(len(phrase.text.split()) for phrase in PHRASES)
    assert lengths[-1] <= 23
    assert len({phrase.text for phrase in PHRASES}) > 3900
    assert all(phrase.text == " ".join(phrase.text.split()) for phrase in PHRASES)
    assert not any(" ," in phrase.text or ",," in phrase.text for phrase in PHRASES)


def test_the_same_lot_gives_the_same_captions_on_every_machine() -> None:
    text = "\n".join(phrase.text for phrase in PHRASES[:200])
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "5cea7b9c1cf8a8d40f453acd90128fff97cad78da4a4ae8b1d07640bd4647218"
    )


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_word_of_a_category_means_two_values(category: str) -> None:
    meanings: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, values in CATEGORIES[category].attributes.items():
        for value in values:
            words = saying(category, name, value)
            assert words.nouns or words.adjectives
            for way in (*words.adjectives, *map(bare, words.nouns), *words.remarks):
                meanings[way].add((name, value))
    assert {way: found for way, found in meanings.items() if len(found) > 1} == {}


# Meanings as the eye sees them, written apart from the words: (category, attribute, words) and all true values.
ENTAILED = (
    ("sneakers", "closure", "no laces", {"slip-on", "velcro"}),
    ("sneakers", "closure", "without laces", {"slip-on", "velcro"}),
    ("sneakers", "closure", "laceless", {"slip-on", "velcro"}),
    ("sneakers", "closure", "slip-on", {"slip-on"}),
    ("handbag", "handle", "a shoulder strap", {"long", "chain"}),
    ("handbag", "handle", "a long handle", {"long", "chain"}),
    ("handbag", "handle", "a chain strap", {"chain"}),
    ("lamp", "base", "a round base", {"ball", "stick"}),
    ("lamp", "base", "a ball base", {"ball"}),
    ("skirt", "closure", "no buttons or belt", {NONE}),
)
_STRIPES = frozenset(("striped", "pinstriped"))
ENTAILED_PATTERNS: Mapping[str, AbstractSet[str]] = {
    "striped": _STRIPES,
    "stripy": _STRIPES,
    "stripey": _STRIPES,
    "stripes": _STRIPES,
    "horizontally striped": {"striped"},
    "horizontal stripes": {"striped"},
    "pinstriped": {"pinstriped"},
    "vertically striped": {"pinstriped"},
    "vertical stripes": {"pinstriped"},
    "two-tone": set(PATTERNS) - {PLAIN},
    "solid": {PLAIN},
    "checks": {"checked"},
}


@pytest.mark.parametrize(("category", "attribute", "words", "values"), ENTAILED)
def test_a_word_means_every_value_it_is_true_of(category: str, attribute: str, words: str, values: set[str]) -> None:
    for value in values:
        said = saying(category, attribute, value)
        if words in (*said.adjectives, *said.nouns, *said.remarks):
            assert meaning(category, attribute, value, words) == values
            return
    pytest.fail("nobody says it")


def test_a_pattern_word_means_every_pattern_it_is_true_of() -> None:
    said = {word: pattern for pattern, words in PATTERN_WORDS.items() for word in (*words.adjectives, *words.marks)}
    for word, patterns in ENTAILED_PATTERNS.items():
        assert pattern_meaning(said[word], word) == patterns


def test_a_caption_that_says_a_broad_word_accepts_all_it_is_true_of() -> None:
    def saying_one_of(words: str) -> list[Phrase]:
        return [phrase for phrase in PHRASES if re.search(rf"\b({words})\b", plainly(phrase.text))]

    bare_stripes = saying_one_of("(?<!horizontally )(?<!vertically )striped|(?<!horizontal )(?<!vertical )stripes")
    laceless, two_tone = saying_one_of("no laces|without laces|laceless"), saying_one_of("two tone")
    assert min(map(len, (bare_stripes, laceless, two_tone))) > 5
    assert all(phrase.wish.allowed["pattern"] == {"striped", "pinstriped"} for phrase in bare_stripes)
    assert all(phrase.wish.allowed["closure"] == {"slip-on", "velcro"} for phrase in laceless)
    assert all(len(phrase.wish.allowed["pattern"]) == len(PATTERNS) - 1 for phrase in two_tone)


def test_no_name_means_two_categories_and_no_colour_word_two_colours() -> None:
    names = [noun for nouns in NOUNS.values() for noun in {noun.text for noun in nouns}]
    assert len(names) == len(set(names))
    assert set(NOUNS) == set(CATEGORIES)
    words = [word for words in COLOUR_WORDS.values() for word in words]
    assert len(words) == len(set(words))
    assert set(COLOUR_WORDS) == set(COLOURS)
    assert set(words).isdisjoint(VAGUE_COLOURS)
    assert set(PATTERN_WORDS) == set(PATTERNS)


def test_a_vague_colour_allows_both_colours_it_may_mean() -> None:
    assert colour_word("brown", Random(1), vague=1)[1] == {"beige", "brown"}
    assert colour_word("red", Random(1), vague=1)[1] == {"red"}  # it has no vague word


def test_a_pair_of_colours_does_not_say_which_is_the_ground() -> None:
    pairs = [phrase for phrase in PHRASES if len(phrase.wish.allowed.get("second_colour", ())) == 2]
    assert len(pairs) > 100
    red_on_white = Wish({"colour": frozenset(("red", "white")), "second_colour": frozenset(("red", "white"))})
    for colour, second in (("red", "white"), ("white", "red")):
        thing = Product(
            "x", "mug", {"colour": colour, "pattern": "dotted", "second_colour": second}, "", 1, True, "", 0
        )
        assert red_on_white.accepts(thing)


def test_titles_are_short_and_always_the_same() -> None:
    assert title(SHOP[0]) == title(product(0, split="test", seed=7)) == "North Pier orange floral porcelain mug"
    for thing in SHOP[:300]:
        assert title(thing).startswith(thing.brand)
        assert len(title(thing).split()) <= 9
        assert (PLAIN in title(thing)) is False


def test_small_grammar() -> None:
    assert with_article("olive dress") == "an olive dress"
    assert with_article("unpatterned hat") == "an unpatterned hat"
    assert with_article("red hat") == "a red hat"
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert marks("colour-block", "olive", Random(1))[0].startswith("an olive ")
