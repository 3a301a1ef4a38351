"""Filter: decoration around an answer is removed, a text that breaks the rules is rejected with the reason."""

import pytest

from training.triplets import filter

CAPTIONS = (
    "The image shows a white shirt. It has long sleeves and a collar.",
    "Short black dress",
)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Difference: Made it longer.", "Made it longer."),
        ("  the difference:  Made it longer.\n", "Made it longer."),
        ("Reformulation text: Made it longer", "Made it longer"),
        ('"Made it longer."', "Made it longer."),
        ("- **Made it longer**", "Made it longer"),
        ("a woman’s coat – in red", "a woman's coat - in red"),
        ("Changed the colour", "Changed the colour"),  # a word, not a prefix
        ("```\nMade it longer.\n```", "Made it longer."),
        ('```json\n{"difference": "Made it longer."}\n```', "Made it longer."),
        ('["Made it longer."]', "Made it longer."),
        ('"Made it longer', "Made it longer"),
        ("", ""),
    ],
)
def test_an_answer_is_freed_of_what_is_set_around_it(answer: str, text: str) -> None:
    assert filter.cleaned(answer) == text


@pytest.mark.parametrize(
    "text",
    [
        "Changed white shirt and skirt to short black dress, added necklace.",
        "Dog moved from dining table to white countertop, now lying down.",
        "a knee-length coat; the shop's own, 2 pockets",
        "in grün statt weiß",
        "one two three four five six seven eight nine ten eleven twelve",
    ],
)
def test_words_of_the_papers_style_may_stand(text: str) -> None:
    assert filter.rejected(text, words=12, captions=CAPTIONS) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" .", "empty"),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", "too long"),
        ("white -> black", "special characters"),
        ("in red (or blue)", "special characters"),
        ("in red\nand longer", "special characters"),
        ("image A: red", "special characters"),
        ("in red <b>", "special characters"),
        ("a red 👗", "special characters"),
        ("short BLACK dress.", "copy of a caption"),
        ("it has long sleeves and a collar", "copy of a caption"),
    ],
)
def test_what_breaks_a_rule_is_rejected_with_the_reason(text: str, reason: str) -> None:
    assert filter.rejected(text, words=12, captions=CAPTIONS) == reason


def test_the_number_of_words_is_the_configs() -> None:
    assert filter.rejected("in bright red", words=2, captions=CAPTIONS) == "too long"
