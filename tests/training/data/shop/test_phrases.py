"""Changes of a shop's attributes are said in words of their role; held-out products have other clauses."""

from random import Random

import pytest

from training.data.shop import phrases
from training.data.shop.clauses import Wording
from training.data.shop.phrases import Difference

NAMES = ("category", "colour", "second_colour", "sleeveLength", "hooded", "Product type")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Color", "colour"),
        ("base_colour", "colour"),
        ("sleeve", "other"),
        ("google_product_category", "kind"),
        ("age_group", "audience"),
        ("Fabric", "material"),
        ("print", "pattern"),
    ],
)
def test_the_name_of_an_attribute_says_its_role(name: str, role: str) -> None:
    assert phrases.role(name) == role


def test_a_name_of_a_column_is_words() -> None:
    assert phrases.plain("sleeveLength") == "sleeve length"
    assert phrases.plain("second_colour") == "second colour"


def said(*differences: Difference, wording: Wording = "train") -> set[str]:
    return {
        phrases.text(differences, Random(seed), names=NAMES, noun="", wording=wording).casefold() for seed in range(300)
    }


def test_every_text_names_the_new_value_and_no_place_stays_open() -> None:
    for wording in ("train", "held-out"):
        for text in said(Difference("colour", "Red", "Light blue"), wording=wording):
            assert "light blue" in text and "{" not in text
        for text in said(Difference("sleeveLength", "long", ""), wording=wording):
            assert "sleeve length" in text and "{" not in text


def test_a_second_attribute_of_a_role_is_called_by_its_name() -> None:
    assert all("second colour" in text for text in said(Difference("second_colour", "red", "blue")))
    assert any(text == "in blue" for text in said(Difference("colour", "red", "blue")))


def test_a_flag_is_had_or_not() -> None:
    assert "with hooded" in said(Difference("hooded", "no", "yes"))
    assert "without hooded" in said(Difference("hooded", "yes", "no"))


def test_a_path_of_categories_is_its_last_part() -> None:
    found = said(Difference("category", "Apparel > Skirts", "Apparel > Dress"))
    assert "a dress" in found and not any(">" in text for text in found)
    assert "skirts" in " ".join(found) and "a skirts" not in " ".join(found)


def test_words_of_titles_are_one_clause() -> None:
    swapped = said(Difference("title: linen", "linen", ""), Difference("title: denim", "", "denim"))
    assert {"denim", "denim instead of linen"} <= swapped and not any("title" in text for text in swapped)
    assert all("linen" in text for text in said(Difference("title: linen", "linen", "")))
    assert "denim" in said(Difference("title: denim", "", "denim"))


def test_held_out_products_are_asked_about_in_other_clauses() -> None:
    for difference in (Difference("colour", "red", "blue"), Difference("sleeveLength", "", "long")):
        assert not said(difference) & said(difference, wording="held-out")
