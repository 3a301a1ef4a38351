"""Changes in the words of phrasebooks: what a text says is what its wish accepts."""

from collections import Counter
from random import Random

import pytest

from training.catalogue.language.modification import Question, towards
from training.catalogue.language.phrasebook import TEST, TRAINING, VALIDATION, book
from training.catalogue.language.spoken import pattern_means, reworded, spoken
from training.catalogue.language.spoken_captions import caption
from training.catalogue.world import sample
from training.catalogue.world.world import COLOURS, Product

BOOKS = (*TRAINING, *VALIDATION, *TEST)
PAIRS = [
    (sample.with_sibling(2 * place, split="val", seed=11), sample.with_sibling(2 * place + 1, split="val", seed=11))
    for place in range(400)
]


@pytest.mark.parametrize("name", BOOKS)
def test_the_target_satisfies_the_text_and_the_reference_does_not(name: str) -> None:
    kinds: Counter[str] = Counter()
    for place, (reference, target) in enumerate(PAIRS):
        found = spoken(reference, target, book(name), Random(place))
        assert found.wish.accepts(target) and not found.wish.accepts(reference), found.text
        assert "{" not in found.text and found.text == found.spelt
        kinds.update(found.kinds)
    assert {"colour", "comparative", "negation", "pattern", "removal", "category", "second colour"} <= kinds.keys()


@pytest.mark.parametrize("name", BOOKS)
def test_a_rewording_is_of_the_same_question(name: str) -> None:
    said = 0
    for place, (reference, target) in enumerate(PAIRS):
        question = Question(reference, target, towards(reference, target, Random(place)))
        text = reworded(question, book(name), Random(place))
        said += text is not None and text != question.modification.text
    assert said > 0.7 * len(PAIRS)  # the others have vague words, such as "camel", that mean more than one value


def _of(category: str, **look: str) -> Product:
    return Product("a", category, look, brand="", price=1.0, in_stock=True, audience="women", picture_seed=1)


def test_a_negation_accepts_every_other_value() -> None:
    facts = {"sleeve": "long", "neckline": "round", "length": "long", "pattern": "plain"}
    red, blue = _of("sweater", colour="red", **facts), _of("sweater", colour="blue", **facts)
    found = spoken(red, blue, book("terse"), Random(1), negated=1.0)
    assert found.kinds == ("negation",) and found.wish.allowed["colour"] == frozenset(COLOURS) - {"red"}
    assert any(word in found.text.lower() for word in book("terse")["colours.red"])


def test_stripes_without_a_direction_may_be_of_either_kind() -> None:
    assert pattern_means("striped", "with stripes") == {"striped", "pinstriped"}
    assert pattern_means("striped", "with horizontal stripes") == {"striped"}
    assert pattern_means("dotted", "dots") == {"dotted"}


@pytest.mark.parametrize("name", BOOKS)
def test_a_caption_describes_its_product(name: str) -> None:
    products = [product for pair in PAIRS for product in pair]
    for place, product in enumerate(products):
        phrase = caption(product, book(name), Random(place))
        assert phrase.wish.accepts(product) and "{" not in phrase.text
