"""Sentences about looks, by many writers, state no facts about prices, brands, stock and persons."""

import random

from index.phrases.attribute_values import KnownValues, Named
from index.phrases.reading import read
from training.catalogue.language import product_captions
from training.catalogue.triplets import draw_questions
from training.catalogue.world.sample import catalogue
from training.catalogue.world.world import AUDIENCES, BRANDS
from training.evaluation.drawn_queries import text_of

SHOP = KnownValues(
    price="price",
    price_range=(6.99, 394.99),
    stock="in_stock",
    brands={brand.lower(): Named("brand", brand) for brand in BRANDS},
    audiences={audience: Named("audience", audience) for audience in AUDIENCES},
    sizes={size: Named("size", size) for size in ("s", "m", "l", "36", "38", "40", "42")},
)


def test_hardly_any_sentence_about_looks_states_a_fact() -> None:
    products = catalogue(600, split="test", seed=3)
    texts = {product_captions.caption(product, random.Random(product.id)).text for product in products}
    for question in draw_questions(products, 300, seed=3):
        for writer in ("written", "paraphrased", "misspelt", "editorial", "second-language", "practical"):
            texts.add(text_of(question, writer, seed=3) or "")
    assert len(texts) > 1_500
    wrong = {text: read(text, SHOP, is_alone=False, reference_price=50.0).facts for text in texts}
    assert {text: facts for text, facts in wrong.items() if facts} == {}
