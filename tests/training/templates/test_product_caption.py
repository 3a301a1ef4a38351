"""Captions of products from a shop's table, in a sentence or two."""

import pytest

from training.templates import product_caption


def test_titles_stand_alone_and_attributes_follow_in_one_sentence() -> None:
    facts = {"title": "Summer dress", "Sleeve_Length": "short", "colour": "red", "pockets": "True", "hood": "no"}
    assert (
        product_caption.caption(facts) == "Summer dress. Sleeve length short, colour red, with pockets, without hood."
    )


def test_markup_and_line_breaks_leave_only_the_words() -> None:
    facts = {"description": "<p>Soft&nbsp;&amp; warm,<br>for  winter!</p>\n", "fabric": "wool"}
    assert product_caption.caption(facts) == "Soft & warm, for winter! Fabric wool."


@pytest.mark.parametrize("blank", ["", " ", "None", "NaN", "n/a", "-", "<br/>"])
def test_a_cell_that_says_nothing_is_passed_over(blank: str) -> None:
    assert product_caption.caption({"title": blank, "colour": "red"}) == "Colour red."
    assert product_caption.caption({"title": blank}) == ""
    assert product_caption.attributes({"colour": blank}) == {}


def test_prose_is_no_attribute() -> None:
    facts = {"Title": "Hat", "description": "A hat.", "colour": "red", "rain_proof": "yes"}
    assert product_caption.attributes(facts) == {"colour": "red", "rain proof": "yes"}
