"""Strict protocols on a small shop: the same questions in every phrasing, and negatives counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from models.encoder import Encoder
from models.preprocess import Resize
from training.catalogue.world import sample
from training.evaluation import phrasings
from training.evaluation.drawn_queries import ShopEvaluation
from training.evaluation.drawn_shop import Shop
from training.evaluation.result import Result
from training.evaluation.several_images import several_images, unlike_an_image

PRODUCTS, QUERIES = 200, 24
DATE = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def encoder(split_bundle: Path) -> Encoder:
    return Encoder.open(split_bundle, threads=1)


def evaluation(encoder: Encoder, *, queries: int) -> ShopEvaluation:
    return ShopEvaluation(
        encoder=encoder, split="test", products=PRODUCTS, queries=queries, seed=3, text_weight=0.0, date=DATE
    )


@pytest.fixture(scope="module")
def found(encoder: Encoder) -> Result:
    return phrasings.phrasings(evaluation(encoder, queries=QUERIES))


def test_every_phrasing_is_a_row_over_the_same_queries(found: Result) -> None:
    assert list(found.answers) == ["image only", "text only", *phrasings.PHRASINGS]
    assert len(found.queries) == found.protocol.queries > 0.5 * QUERIES
    assert found.protocol.variant == "phrasings"
    assert found.answers["written"].ranks != found.answers["practical"].ranks  # other words


def test_explicit_negatives_among_the_first_ten_are_counted(found: Result) -> None:
    for way in ("image only", "written"):
        counted = [
            sum(name in query.negatives for name in first[:10]) / 10
            for query, first in zip(found.queries, found.answers[way].first, strict=True)
        ]
        assert found.rows[way]["HN@10"].value == pytest.approx(np.mean(counted))
    assert found.rows["image only"]["HN@10"].value > 0  # they look like the target, and so like the reference
    for query in found.queries:
        assert set(query.negatives) <= set(query.subset[1:])
    counts = {len(query.negatives) for query in found.queries}
    assert max(counts) >= 2 > min(counts)  # a text about the category has one value to contradict


def test_the_notes_name_the_worst_phrasing_and_the_composition_gap(found: Result) -> None:
    share = {name: found.rows[name]["R@1"].value for name in phrasings.PHRASINGS}
    worst, gap, heard = found.notes
    assert worst.startswith(f"worst phrasing: {min(share, key=share.__getitem__)}, R@1 {min(share.values()):.3f}")
    half = np.minimum(found.answers["image only"].best, found.answers["text only"].best) > 1
    whole = (found.answers["written"].best == 1) & half
    assert gap.startswith(f"composition gap: {whole.mean():.1%} of the queries")
    assert heard.startswith("has what the words ask for, of the first ten: written 0.")


def test_every_query_of_the_negation_variant_negates(encoder: Encoder) -> None:
    found = phrasings.negations(evaluation(encoder, queries=QUERIES))
    assert found.protocol.variant == "negation" and {query.groups for query in found.queries} == {
        ("editorial",),
        ("second-language",),
        ("practical",),
    }
    assert np.mean([len(query.relevant) for query in found.queries]) > 1.2  # every other value answers
    assert len({query.id for query in found.queries}) == len(found.queries)


def test_three_turns_are_asked_at_once_joined_and_one_after_the_other(encoder: Encoder) -> None:
    found = phrasings.turns(evaluation(encoder, queries=8))
    assert list(found.answers) == ["image only", "at once", "joined", "answer by answer"]
    assert len(found.queries) == 8 and len({found.answers[way].ranks for way in found.answers}) == 4


def test_both_references_of_a_query_of_two_images_leave_the_same_alone(encoder: Encoder) -> None:
    found = several_images(evaluation(encoder, queries=8))
    products = {product.id: product for product in sample.catalogue(PRODUCTS, split="test", seed=3)}
    assert list(found.answers) == ["first image", "second image", "both"] and found.queries
    for number, query in enumerate(found.queries):
        first, second = (products[name].facts() for name in query.excluded)
        assert query.reference == query.excluded[0] != query.excluded[1] and not set(query.excluded) & set(
            query.relevant
        )
        assert first["category"] == second["category"]
        for way in found.answers:
            assert not set(query.excluded) & set(found.answers[way].first[number])


def test_what_has_the_unwanted_images_value_is_a_negative_and_what_has_another_is_right(encoder: Encoder) -> None:
    found = unlike_an_image(evaluation(encoder, queries=30))
    products = {product.id: product for product in sample.catalogue(PRODUCTS, split="test", seed=3)}
    assert len(found.answers) == 4 and found.queries
    for query in found.queries:
        image = products[query.excluded[1]].facts()
        same = [
            {name for name, value in image.items() if products[id].facts().get(name) == value} for id in query.relevant
        ]
        assert set.intersection(
            *(set(image) - each for each in same)
        )  # every answer has another value of that attribute
        assert not {*query.negatives} & {*query.relevant, *query.excluded}


def test_other_negatives_are_other_cached_images(tmp_path: Path) -> None:
    few = sample.catalogue(8, split="test", seed=5)
    one, other = (
        Shop.catalogue(4, split="test", seed=3, resize=Resize(16), cache=tmp_path, added=added)
        for added in (few[:4], few[4:])
    )
    assert not np.array_equal(one.pixels, other.pixels)
