"""Paraphrases: no wording of the training texts, and exactly the meaning of the question."""

import hashlib
import re
from functools import cache
from random import Random

import pytest

from models.bundle import SHIPPED
from models.encoder import Encoder
from models.tokenizer import Template, Tokenizer
from training.catalogue import generated_texts
from training.catalogue.language import attribute_templates, product_captions
from training.catalogue.language.detail_words import meaning, saying
from training.catalogue.language.modification import Question, modification, towards
from training.catalogue.language.nouns import NOUNS, vocabulary
from training.catalogue.language.paint_words import COLOUR_WORDS, VAGUE_COLOURS
from training.catalogue.language.paraphrase import MAX_WORDS, paraphrase
from training.catalogue.language.rewordings import templates as rewordings
from training.catalogue.triplets import draw_questions
from training.catalogue.world.sample import apply_changes, catalogue, draw_changes
from training.catalogue.world.sample import product as sampled
from training.catalogue.world.world import CATEGORIES, NONE, Product
from training.templates.difference import ADDED, NAMED, REMOVED, REPLACED

ASKED = draw_questions(catalogue(3_000, split="test", seed=3), 2_500, seed=3)
SAID = [paraphrase(question, Random(f"paraphrase/{number}")) for number, question in enumerate(ASKED)]


def plainly(text: str) -> str:
    """Normalise a text: without hyphens, capitals and American spelling."""
    return text.lower().replace("-", " ").replace("color", "colour")


@cache
def training() -> tuple[str, ...]:
    """Return texts of every kind that training may use: shoppers', template, generated texts and captions."""
    asked = draw_questions(catalogue(4_000, split="train", seed=5), 3_000, seed=5)
    found = [question.modification.text for question in asked]
    found += [modification(sampled(number, split="train", seed=6), Random(number)).text for number in range(2_000)]
    for question in asked[:800]:
        pair = question.reference, question.target
        found += [attribute_templates.text(*pair, question.modification.kinds), generated_texts.text(*pair, seed=5)]
    found += [
        product_captions.caption(sampled(number, split="train", seed=6), Random(number)).text for number in range(2_000)
    ]
    return tuple(plainly(text) for text in found)


HALVED = {"pattern": "colour-block", "second_colour": "white", "handle": "round", "height": "tall"}
SLOTS = {"it": "(it|them)", "this": "(this|these)", "they": "(it|they)", "dye": "(dye|paint)", "dyed": "(dyed|painted)"}


def fitting(template: str) -> re.Pattern[str]:
    """Return a pattern of all texts that the template can become."""
    pieces = re.split(r"\{(\w+)\}", plainly(template))
    made = [SLOTS.get(piece, r"[^\n]+") if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)]
    return re.compile(rf"(?<!\w){''.join(made)}(?!\w)")


@cache
def often() -> str:
    """Return paraphrases of rare kinds of question, in many wordings each."""
    rare = {"comparative", "colours swapped", "category"}
    asked = [one for one in ASKED if rare & set(one.modification.kinds)]
    asked += [one for one in ASKED if "colour-block" in (one.reference.look["pattern"], one.target.look["pattern"])]
    pink, red = (
        Product("x", "mug", dict(HALVED, colour=colour), "Cove", 9.9, True, "everyone", 1) for colour in ("pink", "red")
    )
    for pair in ((pink, red), (red, pink)):
        asked += [Question(*pair, towards(*pair, Random(lot))) for lot in range(9)]
    return "\n".join(plainly(paraphrase(question, Random(lot))) for question in asked for lot in range(12))


@pytest.mark.slow
@pytest.mark.parametrize("template", sorted(set(rewordings())))
def test_a_template_meets_no_text_of_training_and_has_a_use(template: str) -> None:
    pattern = fitting(template)
    met = pattern.search("\n".join(training()))
    assert met is None, met and met.group()
    assert pattern.search(often())


@pytest.mark.slow
def test_no_paraphrase_has_the_frame_of_a_text_of_training() -> None:
    phrases = sorted({plainly(phrase) for phrase in vocabulary()}, key=len, reverse=True)
    value = re.compile(rf"\b(?:{'|'.join(map(re.escape, phrases))})\b")

    def frames(texts: tuple[str, ...]) -> set[str]:
        return {re.sub(r"\W+", " ", value.sub("_", text)) for text in texts}

    trained, asked = frames(training()), frames(tuple(map(plainly, SAID)))
    assert len(trained) > 1_000 and len(asked) > 500
    assert not trained & asked


def test_no_paraphrase_speaks_in_the_templates_for_pairs_of_pictures() -> None:
    patterns = [fitting(template) for template in (*REPLACED, *NAMED, *ADDED, *REMOVED)]
    for text in SAID:
        assert not [pattern.pattern for pattern in patterns if pattern.fullmatch(plainly(text))], text


def test_the_same_words_about_one_thing_always_ask_for_the_same() -> None:
    for number in range(40):
        reference = sampled(number, split="test", seed=8)
        meant: dict[str, object] = {}
        for lot in range(150):
            random = Random(f"{number}/{lot}")
            target = apply_changes(reference, draw_changes(reference, random, split="test"), id="x", picture_seed=lot)
            question = Question(reference, target, towards(reference, target, random))
            text = paraphrase(question, random)
            assert meant.setdefault(text, question.modification.wish.allowed) == question.modification.wish.allowed, (
                text
            )


def test_a_new_colour_is_named_by_a_word_for_just_the_colours_that_count() -> None:
    words = {word: frozenset((colour,)) for colour, names in COLOUR_WORDS.items() for word in names}
    words |= {word: frozenset(colours) for word, colours in VAGUE_COLOURS.items()}
    for question, text in zip(ASKED, SAID, strict=True):
        for change in question.modification.differences:
            if change.kind in ("colour", "second colour"):
                (means,) = change.allowed.values()
                named = [word for word, colours in words.items() if colours == means]
                assert any(plainly(word) in plainly(text) for word in named), (question.modification.text, text)


def test_a_part_is_named_by_a_word_for_just_the_values_that_count() -> None:
    for question, text in zip(ASKED, SAID, strict=True):
        kind = question.target.category
        for change in question.modification.differences:
            if change.kind in CATEGORIES[kind].attributes:
                value = question.target.look[change.kind]
                said = saying(kind, change.kind, value)
                named = [
                    word.removeprefix("no ") if value == NONE else word
                    for word in (*said.adjectives, *said.nouns)
                    if meaning(kind, change.kind, value, word) == change.allowed[change.kind]
                ]
                assert any(plainly(word) in plainly(text) for word in named), (question.modification.text, text)


def test_what_goes_is_named_or_the_thing_is_called_without_it() -> None:
    for question, text in zip(ASKED, SAID, strict=True):
        if question.modification.kinds == ("removal",):
            words = "get rid|wipe|vanish|nothing remains|disappeared|minus|stripped|skip|leave the|kind|type|one colour"
            assert re.search(words, plainly(text)), text


def test_several_things_are_these_and_one_is_this() -> None:
    for question, text in zip(ASKED, SAID, strict=True):
        wrong = r"\b(this,|this where|picture this|rework this|it)\b"
        if not NOUNS[question.reference.category][0].plural:
            wrong = r"\b(these|them|they)\b"
        assert not re.search(wrong, text), text


def test_paraphrases_are_short_varied_and_well_spaced() -> None:
    assert max(len(text.split()) for text in SAID) <= MAX_WORDS
    assert len(set(SAID)) > 0.9 * len(SAID)
    for text in SAID:
        assert text == " ".join(text.split()) and " ," not in text and "{" not in text, text


def test_the_shipped_bundle_reads_nearly_all_of_them_to_the_end() -> None:
    manifest = Encoder.open(SHIPPED, threads=1).manifest
    tokenizer = Tokenizer.open(SHIPPED / "tokenizer.json", context_length=manifest.context_length)
    cut = tokenizer.encode(SAID, template=Template.parse(manifest.template)).truncated
    assert cut.mean() < 0.01


def test_the_same_lot_gives_the_same_paraphrases_on_every_machine() -> None:
    digest = hashlib.sha256("\n".join(SAID[:200]).encode()).hexdigest()
    assert digest == "62fe3f20f5f1e01c31028e4cf8e91606fd9b5118eb5e4cea2e80786031894f0a"
