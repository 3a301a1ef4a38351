"""Facts that sentences state, and sentences that only look as if they did."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from index.phrases.attribute_values import KnownValues, Named, spellings
from index.phrases.reading import read

BRANDS = ("Fjord", "Cove", "Dune & Daughters", "North Pier", "Hazel", "Crème Brûlée", "Levi's")
SHOP = KnownValues(
    price="price",
    price_range=(6.99, 394.99),
    stock="in_stock",
    brands={key: Named("brand", brand) for brand in BRANDS for key in spellings(brand)},
    audiences={key: Named("audience", key) for key in ("women", "men", "girls", "boys", "everyone")},
    sizes={**{key.lower(): Named("sizes", key) for key in ("S", "M", "L", "XL")}, "42": Named("sizes", "42"),
           "42 5": Named("sizes", "42.5")},
    looks={**{colour: Named("colour", colour) for colour in ("red", "black", "light blue", "blue", "grey")},
           **{pattern: Named("pattern", pattern) for pattern in ("striped", "dotted", "floral", "plain")}},
    kinds=frozenset({"boots", "ankle", "dress", "mug", "t", "shirt"}),
)  # fmt: skip
EMPTY = KnownValues(None, None, None, {}, {}, {})


def facts(text: str, known: KnownValues = SHOP, reference: float | None = None) -> list[Mapping[str, object]]:
    return [
        fact.conditions if fact.order is None else {fact.order.order: fact.order.attribute}
        for fact in read(text, known, reference_price=reference).facts
    ]


@pytest.mark.parametrize(
    ("text", "bounds", "words"),
    [
        ("a red dress under 50", {"lt": 50}, "a red dress"),
        ("red dress below $50", {"lt": 50}, "red dress"),
        ("less than 50 € in blue", {"lt": 50}, "in blue"),
        ("dress cheaper than 60, in blue", {"lt": 60}, "dress, in blue"),
        ("max 50 euro", {"lte": 50}, ""),
        ("a lamp, max. 50", {"lte": 50}, "a lamp"),
        ("up to 50", {"lte": 50}, ""),
        ("at most 50 and in red", {"lte": 50}, "in red"),
        ("not more than 60", {"lte": 60}, ""),
        ("a mug, nothing over 20 please", {"lte": 20}, "a mug, please"),
        ("a mug for 20 euros or less", {"lte": 20}, "a mug"),
        ("$50 max", {"lte": 50}, ""),
        ("a coat over 100", {"gt": 100}, "a coat"),
        ("more expensive than 100", {"gt": 100}, ""),
        ("at least 20", {"gte": 20}, ""),
        ("a coat from 120 €", {"gte": 120}, "a coat"),
        ("between 50 and 80", {"gte": 50, "lte": 80}, ""),
        ("between 80 and 50", {"gte": 50, "lte": 80}, ""),
        ("a bag for between 50 and 80 euros", {"gte": 50, "lte": 80}, "a bag"),
        ("from 50 to 80, with a belt", {"gte": 50, "lte": 80}, "with a belt"),
        ("50–80 €", {"gte": 50, "lte": 80}, ""),
        ("50 to 80 euros", {"gte": 50, "lte": 80}, ""),
        ("boots 50-80€ in black", {"gte": 50, "lte": 80}, "boots in black"),
        ("price 50 - 80", {"gte": 50, "lte": 80}, ""),
        ("around 60", {"gte": 48.0, "lte": 72.0}, ""),
        ("dress around €60, red", {"gte": 48.0, "lte": 72.0}, "dress, red"),
        ("a coat that costs less than 1.299,00 €", {"lt": 1299.0}, "a coat"),
        ("a coat under $1,299.50", {"lt": 1299.5}, "a coat"),
        ("priced at around 100 in wool", {"gte": 80.0, "lte": 120.0}, "in wool"),
        ("a dress that is under 50 and has a belt", {"lt": 50}, "a dress and has a belt"),
        ("UNDER 50 EUR", {"lt": 50}, ""),
        ("under 50 EUR, silk", {"lt": 50}, "silk"),
        ("anything under £50", {"lt": 50}, ""),
        ("for women under 50", {"lt": 50}, ""),
    ],
)
def test_prices_become_ranges(text: str, bounds: Mapping[str, float], words: str) -> None:
    reading = read(text, SHOP)
    assert [fact.conditions for fact in reading.facts if "price" in fact.conditions] == [{"price": bounds}]
    assert reading.words == words


@pytest.mark.parametrize(
    "text",
    [
        "size 45", "under 5 buttons", "80s style", "7 buttons", "a dress from the 60s", "between 2 and 3 buttons",
        "heel under 10 cm", "under 40 in", "over 50% wool", "at least 20 percent cotton", "up to 50 km", "30° wash",
        "over 20 pockets", "around 1960", "less than 3 colours", "with 2 straps and 50 beads", "toddlers up to 12",
        "women over 50", "age 10 to 12", "size 40 to 44", "shoes under size 40", "from 20 to 30 cm", "50/50 cotton",
        "chapter 50-80", "over the knee", "under the collar", "below the knee", "no more than two buttons", "cheap",
        "up to 1000", "model under 50-A", "under 3", "a 100 cotton shirt", "max mara", "item 50",
        "up to 50 in height", "up to 42 in size", "number 7 under 5", "for less",
        "less than a coat", "at least long", "under 12:30", "about 50 shades",
    ],
)  # fmt: skip
def test_other_numbers_stay_words(text: str) -> None:
    reading = read(text, SHOP)
    assert reading.words == text and not reading.facts


@pytest.mark.parametrize(
    ("text", "condition", "words"),
    [
        ("from Fjord", {"brand": "Fjord"}, ""),
        ("a coat by fjord", {"brand": "Fjord"}, "a coat"),
        ("a coat made by fjord or cove, in red", {"brand": ["Fjord", "Cove"]}, "a coat, in red"),
        ("from Fjord, Cove and Hazel", {"brand": ["Fjord", "Cove", "Hazel"]}, ""),
        ("by Dune and Daughters", {"brand": "Dune & Daughters"}, ""),
        ("by dune & daughters in red", {"brand": "Dune & Daughters"}, "in red"),
        ("North Pier brand", {"brand": "North Pier"}, ""),
        ("boots of the brand north pier", {"brand": "North Pier"}, "boots of the"),
        ("brand: Fjord", {"brand": "Fjord"}, ""),
        ("from the brand creme brulee", {"brand": "Crème Brûlée"}, ""),
        ("by levi's", {"brand": "Levi's"}, ""),
        ("a hat, but not from Fjord", {"brand": {"not": "Fjord"}}, "a hat"),
        ("nothing by Fjord or Cove", {"brand": {"not": ["Fjord", "Cove"]}}, ""),
        ("in stock", {"in_stock": True}, ""),
        ("a red coat that is in stock", {"in_stock": True}, "a red coat"),
        ("only available ones", {"in_stock": True}, ""),
        ("red and not sold out", {"in_stock": True}, "red"),
        ("available now, with a hood", {"in_stock": True}, "with a hood"),
        ("a coat for boys", {"audience": "boys"}, "a coat"),
        ("for men and women", {"audience": ["men", "women"]}, ""),
        ("a gift for a little girl", {"audience": "girls"}, "a gift"),
        ("for kids, in red", {"audience": ["boys", "girls"]}, "in red"),
        ("men's boots", {"audience": "men"}, "boots"),
        ("women’s boots", {"audience": "women"}, "boots"),
        ("mens coat", {"audience": "men"}, "coat"),
        ("for males", {"audience": "men"}, ""),
        ("unisex", {"audience": "everyone"}, ""),
        ("not for men", {"not": {"audience": "men"}}, ""),
        ("a shirt in size M", {"sizes": "M"}, "a shirt"),
        ("in a size m or l, red", {"sizes": ["M", "L"]}, "red"),
        ("size: 42", {"sizes": "42"}, ""),
        ("size 42.5 boots", {"sizes": "42.5"}, "boots"),
        ("size medium", {"sizes": "M"}, ""),
        ("not in size XL", {"sizes": {"not": "XL"}}, ""),
    ],
)
def test_values_become_conditions(text: str, condition: Mapping[str, object], words: str) -> None:
    reading = read(text, SHOP)
    assert [fact.conditions for fact in reading.facts] == [condition]
    assert reading.words == words


@pytest.mark.parametrize(
    "text",
    [
        "from Acme", "by hand", "made from hazel", "fjord", "a fjord on the front", "change from red to blue",
        "stock", "not in stock", "out of stock", "sold out", "unavailable", "not available", "available in red",
        "isn't available", "for summer", "for the office", "for her birthday", "for all seasons", "for every day",
        "size up", "one size", "plus size", "in size 60", "the same size", "in m", "womenswear", "boyfriend jeans",
        "the girl on the print", "in the brand colours", "different from fjord", "stars are for children",
        "I have no use for the ladies' bag", "no use for women", "with a bobble for children to pull at",
    ],
)  # fmt: skip
def test_values_that_no_item_has_and_other_words_stay(text: str) -> None:
    reading = read(text, SHOP)
    assert reading.words == text and not reading.facts


def test_whose_clothes_they_are_counts_in_a_text_without_an_image() -> None:
    for text in ("the women's skirt should be red", "mens coat"):
        assert read(text, SHOP).facts and not read(text, SHOP, is_alone=False).facts
    assert read("for women", SHOP, is_alone=False).facts


def test_prices_are_compared_with_the_reference() -> None:
    assert facts("cheaper", reference=40.0) == [{"price": {"lt": 40.0}}]
    assert facts("in red but a bit cheaper than this", reference=40.0) == [{"price": {"lt": 40.0}}]
    assert facts("something more expensive", reference=40.0) == [{"price": {"gt": 40.0}}]
    assert read("in red, but cheaper", SHOP, reference_price=40.0).words == "in red"
    assert facts("not cheaper", reference=40.0) == [] == facts("cheaper than a car", reference=40.0)
    without = read("a cheaper coat", SHOP)
    assert without.words == "a cheaper coat" and without.lacks_reference
    assert not read("a cheaper coat", SHOP, literal=["Cheaper"]).lacks_reference


def test_extremes_become_an_order() -> None:
    assert facts("the cheapest red coat") == [{"asc": "price"}]
    assert facts("most expensive first") == [{"desc": "price"}]
    assert facts("a cheap coat") == []


def test_a_gallery_without_the_attributes_reads_nothing() -> None:
    for text in ("under 50 €", "from Fjord", "in stock", "for boys", "size M", "cheapest", "cheaper"):
        assert read(text, EMPTY, reference_price=9.0).words == text


def test_age_and_gender_together_say_who_it_is_for() -> None:
    values = {"male": "gender", "female": "gender", "unisex": "gender", "kids": "age_group", "adult": "age_group"}
    known = KnownValues(None, None, None, {}, {value: Named(name, value) for value, name in values.items()}, {})
    assert facts("for men", known) == [{"gender": "male"}]
    assert facts("for boys", known) == [{"and": [{"age_group": "kids"}, {"gender": "male"}]}]
    assert facts("for kids", known) == [{"age_group": "kids"}]
    assert facts("for toddlers", known) == []


def test_what_a_cut_leaves_reads_well() -> None:
    known = replace(SHOP, looks={"blue": Named("colour", "blue")})
    assert read("a bag for me: under 50, with a strap", known).words == "a bag for me: with a strap"
    assert read("a bag; not blue, please", known).words == "a bag; please"
    assert not read("in forget-me-not blue", known).facts and not read("forget me not blue", known).facts


def test_several_facts_are_cut_at_their_places() -> None:
    text = "Zoë’s red coat, under 50 €, from Fjord and in stock, with a hood"
    reading = read(text, SHOP)
    assert [text[fact.start : fact.end] for fact in reading.facts] == ["under 50 €", "from Fjord", "in stock"]
    assert reading.words == "Zoë’s red coat, with a hood"
    kept = read(text, SHOP, literal=["from fjord", "no such phrase", "  "])
    assert [text[fact.start : fact.end] for fact in kept.facts] == ["under 50 €", "in stock"]
    assert "from Fjord" in kept.words


def test_long_and_odd_texts_are_read_in_little_time() -> None:
    texts = ["under " * 300, "from fjord and " * 100, "1" * 2000, "50-80" * 300, "not " * 400, "for a " * 300,
             "cheaper than " * 150, "with the price of " * 100, "(" * 2000, ", and" * 380]  # fmt: skip
    for text in texts:
        began = time.process_time()
        reading = read(text, SHOP, reference_price=9.0)
        assert time.process_time() - began < 0.5 and len(reading.facts) <= 20
        json.dumps([dict(fact.conditions) for fact in reading.facts])


@pytest.mark.parametrize(
    ("text", "conditions", "words"),
    [
        ("a dress that is not red", {"colour": {"not": "red"}}, "a dress"),
        ("anything but red", {"colour": {"not": "red"}}, ""),
        ("shoes, not black", {"colour": {"not": "black"}}, "shoes"),
        ("a mug without stripes", {"pattern": {"not": "striped"}}, "a mug"),
        ("a mug with no polka dots or stripes", {"pattern": {"not": ["dotted", "striped"]}}, "a mug"),
        ("a coat in any colour but light blue", {"colour": {"not": "light blue"}}, "a coat"),
        ("no red or black ones please", {"colour": {"not": ["red", "black"]}}, ""),
        ("a gray bag, not in gray", {"colour": {"not": "grey"}}, "a gray bag"),
        ("a skirt, nothing floral, under 50", {"pattern": {"not": "floral"}}, "a skirt"),
        ("not red but blue", {"colour": {"not": "red"}}, "blue"),
        ("not black boots", {"colour": {"not": "black"}}, "boots"),
        ("no black boots", {"colour": {"not": "black"}}, "boots"),
        ("boots not black", {"colour": {"not": "black"}}, "boots"),
        ("Not a black dress, please", {"colour": {"not": "black"}}, "dress, please"),
        ("I want not black or red ankle boots", {"colour": {"not": ["black", "red"]}}, "I want ankle boots"),
        ("not striped t-shirts under 50", {"pattern": {"not": "striped"}}, "t-shirts"),
        ("no dotted mugs for women", {"pattern": {"not": "dotted"}}, "mugs"),
    ],
)
def test_ruled_out_looks_become_conditions(text: str, conditions: Mapping[str, object], words: str) -> None:
    reading = read(text, SHOP)
    assert conditions in [fact.conditions for fact in reading.facts]
    assert reading.words == words
    assert conditions not in [fact.conditions for fact in read(text, SHOP, is_alone=False).facts]


@pytest.mark.parametrize(
    "text",
    [
        "not too red", "a shirt without red buttons", "not just black", "no idea, something red", "less red",
        "not as floral as this", "red, not pink", "not a black tie event dress", "without black laces",
        "no longer red dress", "a dress", "nothing like red velvet", "not too black boots", "no boots",
        "not black boots but sandals", "not black boots, but not sandals", "a coat, not black boots",
        "without black boots", "shoes but no black boots", "no black dress code", "anything but black boots",
        "not black bananas",
    ],
)  # fmt: skip
def test_sentences_that_rule_out_no_look_stay_words(text: str) -> None:
    assert read(text, SHOP).words == text and not read(text, SHOP).facts
