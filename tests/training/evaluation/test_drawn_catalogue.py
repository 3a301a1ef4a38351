"""Evaluation on small shops: the shipped bundle against plain sums, a pseudo-word bundle, and the cache."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.encoder import Encoder
from models.errors import ConfigError
from models.preprocess import Resize
from models.tokenizer import Template
from tests.models import tiny
from training.catalogue import generated_texts
from training.catalogue.hard_negatives import PER_QUESTION, negatives
from training.catalogue.triplets import draw_questions, triplets
from training.catalogue.world import sample
from training.data.drawn import images
from training.evaluation import compare, drawn_catalogue
from training.evaluation.drawn_queries import RANKED_NAMES, ShopEvaluation
from training.evaluation.drawn_shop import Shop
from training.evaluation.result import Result, Texts

PRODUCTS, QUERIES = 80, 30
DATE = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def encoder(sum_bundle: Path) -> Encoder:
    return Encoder.open(sum_bundle, threads=1)


@pytest.fixture(scope="module")
def words(split_bundle: Path) -> Encoder:
    """Return a bundle with pseudo-words, of random weights."""
    return Encoder.open(split_bundle, threads=1)


def evaluation(encoder: Encoder, *, text_weight: float, cache: Path | None = None) -> ShopEvaluation:
    return ShopEvaluation(
        encoder=encoder,
        split="test",
        products=PRODUCTS,
        queries=QUERIES,
        seed=3,
        text_weight=text_weight,
        date=DATE,
        cache=cache,
    )


def composed(encoder: Encoder, *, text_weight: float, cache: Path | None = None) -> Result:
    return drawn_catalogue.composed(evaluation(encoder, text_weight=text_weight, cache=cache))


def test_the_rows_equal_a_plain_ranking(words: Encoder) -> None:
    found = composed(words, text_weight=0.25)
    assert [name for name in found.rows if "unseen" not in name] == ["image only", "text only", "sum", "two-stage"]
    shop = Shop.catalogue(PRODUCTS, split="test", seed=3, resize=words.manifest.resize, cache=None)
    gallery = words.gallery(shop.pixels)
    asked = triplets(shop.products, QUERIES, seed=3)
    assert found.protocol.queries == len(asked)
    for number, triplet in enumerate(asked):
        picture = shop.pixels[shop.row_of[triplet.reference]][None]
        image, text = words.gallery(picture)[0], words.texts([triplet.text])[0]
        ways = {
            "image only": image,
            "text only": text,
            "sum": image + text,
            "two-stage": words.queries(picture, [triplet.text], text_weight=0.25)[0],
        }
        for name, vector in ways.items():
            scores = {product.id: float(vector @ gallery[row]) for row, product in enumerate(shop.products)}
            del scores[triplet.reference]
            order = sorted(scores, key=lambda id: -scores[id])
            best = min(order.index(id) for id in triplet.satisfying) + 1
            assert abs(found.answers[name].best[number] - best) <= 1, name  # sums in another order
            named = found.answers[name].first[number]
            assert len(named) == RANKED_NAMES and triplet.reference not in named
            np.testing.assert_allclose([scores[id] for id in named], sorted(scores.values())[-10:][::-1], atol=1e-4)


def test_generated_texts_ask_the_same_queries_in_other_words(encoder: Encoder) -> None:
    def asked(texts: Texts) -> Result:
        return drawn_catalogue.composed(evaluation(encoder, text_weight=1.0), texts=texts)

    own, other = asked("written"), asked("generated")
    assert other.protocol == own.protocol and (own.model.texts, other.model.texts) == ("written", "generated")
    assert other.answers["image only"] == own.answers["image only"]
    shop = Shop.catalogue(PRODUCTS, split="test", seed=3, resize=encoder.manifest.resize, cache=None)
    gallery = encoder.gallery(shop.pixels)
    for number, triplet in enumerate(triplets(shop.products, QUERIES, seed=3)):
        reference, target = (shop.row_of[id] for id in (triplet.reference, triplet.target))
        text = generated_texts.text(shop.products[reference], shop.products[target], seed=3)
        scores = gallery @ encoder.texts([text])[0]
        best = max(scores[shop.row_of[id]] for id in triplet.satisfying)
        ahead = int((np.delete(scores, reference) > best).sum())
        assert abs(other.answers["text only"].best[number] - (ahead + 1)) <= 1  # sums in another order
    assert other.answers["text only"] != own.answers["text only"]


def test_the_sum_is_not_repeated_for_the_method_that_is_one(encoder: Encoder) -> None:
    found = composed(encoder, text_weight=0.5)
    assert list(found.answers) == ["image only", "text only", "sum"]
    assert found.rows["sum"]["R@10"].value > found.rows["image only"]["R@10"].value
    assert composed(encoder, text_weight=0.0).answers["sum"] == found.answers["image only"]


def test_a_shop_is_drawn_and_embedded_once_for_all_bundles_of_a_space(encoder: Encoder, tmp_path: Path) -> None:
    plain, kept = composed(encoder, text_weight=0.5), composed(encoder, text_weight=0.5, cache=tmp_path)
    assert kept == plain
    files = sorted(tmp_path.iterdir())
    assert [path.name.split("-")[1] for path in files] == ["gallery", "pixels"]
    gallery = files[0]
    reversed_gallery = np.load(gallery)[::-1]
    np.save(gallery, reversed_gallery)  # it is read, not computed again
    assert composed(encoder, text_weight=0.5, cache=tmp_path) != plain


def test_a_gallery_of_another_space_or_shop_is_another_file(encoder: Encoder, words: Encoder, tmp_path: Path) -> None:
    for asked in (encoder, words):
        Shop.catalogue(8, split="test", seed=3, resize=Resize(32), cache=tmp_path)
        Shop.catalogue(8, split="val", seed=3, resize=Resize(32), cache=tmp_path)
        shop = Shop.independent(8, split="test", seed=3, resize=asked.manifest.resize, cache=tmp_path)
        shop.gallery(asked)
    assert len(list(tmp_path.glob("shop-pixels-*"))) == 4  # two of catalogues, one of each size
    assert len(list(tmp_path.glob("shop-gallery-*"))) == 2


def test_a_pseudo_word_must_find_its_own_picture(words: Encoder) -> None:
    found = drawn_catalogue.pseudo_words(words, split="test", products=40, seed=3, date=DATE)
    assert list(found.rows) == ["a photo of *"]
    shop = Shop.catalogue(40, split="test", seed=3, resize=words.manifest.resize, cache=None)
    scores = words.sentences(shop.pixels) @ words.gallery(shop.pixels).T
    ranks = [1 + int((row > row[number]).sum()) for number, row in enumerate(scores)]
    assert np.abs(found.answers["a photo of *"].best - ranks).max() <= 1  # sums in another order


def test_a_pseudo_sentence_is_the_template_up_to_its_pseudo_word(words: Encoder, tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer(tmp_path / "tokenizer.json")
    net = tiny.net(end=tokenizer.end)
    template = Template.parse("a photo of *")
    slot = tokenizer.slot(template)
    assert slot is not None
    tokens = torch.from_numpy(tokenizer.encode(["", ""], template=template).ids)
    pixels = Shop.catalogue(2, split="test", seed=3, resize=Resize(tiny.SIZE), cache=None).pixels
    with torch.no_grad():
        reference = net.reference(net.backbone.image_states(torch.from_numpy(pixels)))
        expected = net.compose(reference, tokens, slot=slot).numpy()
    np.testing.assert_allclose(words.sentences(pixels), expected, atol=2e-4)


def test_a_bundle_without_pseudo_words_is_refused_before_anything_is_drawn(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sum-\w+ makes no pseudo-words"):
        drawn_catalogue.pseudo_words(encoder, split="test", products=40, seed=3, date=DATE, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def hard(encoder: Encoder, texts: Texts) -> Result:
    return drawn_catalogue.composed(evaluation(encoder, text_weight=0.25), variant="hard", texts=texts)


def test_the_hard_variant_ranks_the_negatives_of_every_query_beside_the_shop(words: Encoder) -> None:
    found, easy = hard(words, "written"), composed(words, text_weight=0.25)
    assert found.protocol.galleries == {"catalogue": PRODUCTS + QUERIES * PER_QUESTION}
    assert found.protocol != easy.protocol and found.protocol.variant == "hard"
    shop = sample.catalogue(PRODUCTS, split="test", seed=3)
    asked = draw_questions(shop, QUERIES, seed=3)
    gallery = [*shop, *(one for own in negatives(asked, split="test", seed=3) for one in own)]
    pixels = np.stack([images.product_pixels(product, words.manifest.resize) for product in gallery])
    vectors, place = words.gallery(pixels), {product.id: row for row, product in enumerate(gallery)}
    metrics = found.values("image only")
    for number, (question, query) in enumerate(zip(asked, found.queries, strict=True)):
        answers = {each.id for each in gallery if question.modification.wish.accepts(each)} - {question.reference.id}
        assert set(query.relevant) == answers and query.relevant[0] == question.target.id
        assert query.subset[0] == question.target.id and not set(query.subset[1:]) & answers
        scores = vectors @ vectors[place[question.reference.id]]
        others = [row for row in range(len(gallery)) if row != place[question.reference.id]]
        best = max(scores[place[id]] for id in answers)
        assert abs(found.answers["image only"].best[number] - 1 - sum(scores[row] > best for row in others)) <= 1
        own = scores[[place[id] for id in query.subset]]
        if np.abs(own[1:] - own[0]).min() > 1e-4:  # sums in another order
            assert metrics["R_subset@1"][number] == (own[0] > own[1:].max())


def test_other_texts_of_the_hard_variant_compare_with_each_other(words: Encoder, tmp_path: Path) -> None:
    results = {texts: hard(words, texts) for texts in ("written", "paraphrased", "misspelt")}
    for texts, result in results.items():
        result.write(tmp_path / f"{texts}.json")
        assert result.protocol == results["written"].protocol and result.model.texts == texts
        assert result.answers["image only"] == results["written"].answers["image only"]
        assert texts == "written" or result.answers["text only"] != results["written"].answers["text only"]
    asked = draw_questions(sample.catalogue(PRODUCTS, split="test", seed=3), QUERIES, seed=3)
    for question, *queries in zip(asked, *(result.queries for result in results.values()), strict=True):
        own, other, slipped = (query.texts[0] for query in queries)
        assert own == question.modification.text and len({own, other, slipped}) == 3
    rows = compare.rows([tmp_path / f"{texts}.json" for texts in results])
    assert {"written", "paraphrased, paraphrased texts", "misspelt, misspelt texts", "image only"} <= set(rows.answers)
