"""The drawn world as the two stages take it, against the products themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ConfigError
from models.nets.two_stage import TwoStage
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from tests.present import present
from training.catalogue.language import attribute_templates
from training.catalogue.triplets import Triplet, triplets
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn.features import Features
from training.data.drawn.pairs import DrawnCaptioned, DrawnStateTriplets
from training.data.drawn.triplets import SHOP, choose

COUNT, SEED = 60, 7
TEMPLATE = Template.parse(tiny.TEMPLATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return tiny.tokenizer(folder / "tokenizer.json")


@pytest.fixture(scope="module")
def net(tokenizer: Tokenizer) -> TwoStage:
    return tiny.net(end=tokenizer.end)


def features(net: TwoStage, tokenizer: Tokenizer, folder: Path, *, split: str) -> Features:
    return Features(net.backbone, tokenizer, split=split, count=COUNT, seed=SEED, cache=folder)


@pytest.fixture(scope="module")
def train(net: TwoStage, tokenizer: Tokenizer, folder: Path) -> Features:
    return features(net, tokenizer, folder, split="train")


@pytest.fixture(scope="module")
def val(net: TwoStage, tokenizer: Tokenizer, folder: Path) -> Features:
    return features(net, tokenizer, folder, split="val")


def composing(
    train: Features, val: Features, tokenizer: Tokenizer, *, net: TwoStage | None, **changes: object
) -> DrawnStateTriplets:
    plain = {"source": "drawn", "products": COUNT, "validation_products": COUNT}
    numbers = {"triplets": 40, "validation_triplets": 20, "alike": 0.5}
    config = DrawnTriplets.model_validate({**plain, **numbers, **changes})
    return DrawnStateTriplets(config, train, val, tokenizer=tokenizer, template=TEMPLATE, seed=SEED, net=net)


def sought(train: Features, tokenizer: Tokenizer) -> dict[tuple[int, tuple[int, ...]], Triplet]:
    """All triplets by their reference's row and token ids."""
    row_of = {product.id: row for row, product in enumerate(train.products)}
    found = triplets(train.products, 40, seed=SEED)
    ids = tokenizer.encode([triplet.text for triplet in found], template=TEMPLATE).ids
    return {(row_of[one.reference], tuple(words.tolist())): one for one, words in zip(found, ids, strict=True)}


@torch.no_grad()
def test_the_frozen_towers_see_what_was_drawn(
    net: TwoStage, train: Features, tokenizer: Tokenizer, folder: Path
) -> None:
    pixels = np.array(images.pixels(COUNT, split="train", seed=SEED, size=tiny.SIZE, cache=folder))
    states = net.backbone.image_states(torch.from_numpy(pixels))
    assert cosine(torch.from_numpy(np.array(train.states())), states) > 0.999
    words = [phrase.text for phrase in images.captions(train.products, seed=SEED, epoch=0)]
    texts = net.backbone.text(torch.from_numpy(tokenizer.encode(words).ids))
    assert cosine(torch.from_numpy(np.array(train.captions())), texts) > 0.999
    views = np.array(train.reference_views(0))
    assert views.shape == states.shape and not np.array_equal(views, np.array(train.reference_views(1)))


def test_other_weights_have_other_files(net: TwoStage, train: Features, tokenizer: Tokenizer, folder: Path) -> None:
    before = np.array(train.states())
    assert np.array_equal(features(net, tokenizer, folder, split="train").states(), before)
    other = tiny.net(end=tokenizer.end)
    with torch.no_grad():
        other.backbone.clip.visual.proj += 0.1
    assert not np.array_equal(features(other, tokenizer, folder, split="train").states(), before)


def test_mapping_takes_turns_with_the_views(train: Features, val: Features) -> None:
    data = DrawnCaptioned(train, val, views=2)
    rows = np.array([3, 8, 20])
    batches = [next(iter(data.batches([rows], epoch=epoch))) for epoch in range(3)]
    assert len(data) == COUNT
    for epoch, batch in enumerate(batches):
        assert np.array_equal(batch.reference, train.reference_views(epoch % 2)[rows])
        assert np.array_equal(batch.target, train.target_views(epoch % 2)[rows])
        assert np.array_equal(batch.caption, train.captions()[rows])
    assert not torch.equal(batches[0].reference, batches[1].reference)
    assert np.array_equal(torch.cat(list(data.validation(batch=7))), val.states())


@pytest.mark.parametrize("known", [True, False])
@torch.no_grad()
def test_a_batch_says_what_belongs_together_and_what_is_no_negative(
    net: TwoStage, train: Features, val: Features, tokenizer: Tokenizer, known: bool
) -> None:
    data = composing(train, val, tokenizer, net=net if known else None)
    asked, states = sought(train, tokenizer), np.array(train.states())
    row_of = {product.id: row for row, product in enumerate(train.products)}
    orders = data.orders(batch=20, epoch=1)
    assert len(data) == 40 and len(orders) == 2
    others = 0
    for batch in data.batches(orders, epoch=1, share=slice(0, 20)):
        found = []
        for row, text in zip(present(batch.reference_row).tolist(), batch.text, strict=True):
            padded = (*text.tolist(), *[0] * (tiny.CONTEXT - len(text)))
            found.append(asked[row, padded])
        targets = [row_of[one.target] for one in found]
        references = present(batch.reference_row).numpy()
        assert np.array_equal(batch.target, states[targets, 0])
        assert np.array_equal(present(batch.caption), train.captions()[references])
        for i, one in enumerate(found):
            expected = [i != j and found[j].target in one.satisfying for j in range(20)]
            assert present(batch.satisfied)[i].tolist() == expected
            others += sum(expected)
        assert (batch.text == tokenizer.end).any(dim=0)[-1]  # cut after the longest
        if known:
            reference = net.reference(torch.from_numpy(states[references]).float())
            assert np.array_equal(batch.reference, states[references, 0])
            assert cosine(present(batch.word), reference.word) > 0.999
            assert cosine(present(batch.regions).flatten(1), reference.regions.flatten(1)) > 0.999
        else:
            assert np.array_equal(batch.reference, states[references])
    assert others


def test_a_ranks_share_is_its_rows_of_the_batch(
    net: TwoStage, train: Features, val: Features, tokenizer: Tokenizer
) -> None:
    data = composing(train, val, tokenizer, net=net)
    orders = data.orders(batch=20, epoch=0)
    (whole, *_), (part, *_) = (
        list(data.batches(orders, epoch=0, share=share)) for share in (slice(0, 20), slice(5, 10))
    )
    for name, rows in part.tensors().items():
        expected = whole.tensors()[name][5:10]
        if name == "text":  # cut at its own longest
            expected = expected[:, : rows.shape[1]]
        assert torch.equal(rows, expected), name


def test_questions_are_of_the_val_split_with_all_that_satisfies_them(
    net: TwoStage, train: Features, val: Features, tokenizer: Tokenizer
) -> None:
    questions = composing(train, val, tokenizer, net=net).validation_queries
    found = triplets(val.products, 20, seed=SEED)
    assert [val.products[row].id for row in questions.references] == [one.reference for one in found]
    assert [tuple(val.products[row].id for row in rows) for rows in questions.relevant] == [
        one.satisfying for one in found
    ]
    assert questions.texts.shape == (20, tiny.CONTEXT)


def test_a_share_is_the_first_of_the_same_triplets_and_low_quality_knows_its_target_alone(
    train: Features, val: Features, tokenizer: Tokenizer
) -> None:
    def first(**changes: object) -> TripletBatch:
        data = composing(train, val, tokenizer, net=None, **changes)
        rows = np.arange(len(data))
        return next(iter(data.batches([rows], epoch=0, share=slice(0, len(data)))))

    whole, half = first(), first(share=0.5)
    assert len(present(half.reference_row)) == 20 and torch.equal(
        present(half.reference_row), present(whole.reference_row)[:20]
    )
    low, rows = first(drift=1.0), present(whole.reference_row)
    assert torch.equal(present(low.reference_row), rows) and not torch.equal(low.target, whole.target)
    same = (low.target[:, None] == low.target).all(dim=2).fill_diagonal_(False)
    assert torch.equal(present(low.satisfied), same)


def test_template_texts_ask_the_same_of_the_same_pictures_and_the_questions_stay_varied(
    train: Features, val: Features, tokenizer: Tokenizer
) -> None:
    def first(**changes: object) -> tuple[TripletBatch, torch.Tensor]:
        data = composing(train, val, tokenizer, net=None, **changes)
        rows = np.arange(len(data))
        return next(iter(data.batches([rows], epoch=0, share=slice(0, len(data))))), data.validation_queries.texts

    (varied, questions), (plain, same_questions) = first(), first(texts="template")
    for name in ("reference_row", "target", "satisfied"):
        assert torch.equal(plain.tensors()[name], varied.tensors()[name]), name
    assert torch.equal(questions, same_questions)
    by_id = {product.id: product for product in train.products}
    row_of = {product.id: row for row, product in enumerate(train.products)}
    expected = {
        (row_of[one.reference], attribute_templates.text(by_id[one.reference], by_id[one.target], one.kinds))
        for one in triplets(train.products, 40, seed=SEED)
    }
    ids = tokenizer.encode([text for _, text in expected], template=TEMPLATE).ids[:, : plain.text.shape[1]]
    wanted = {(row, tuple(words)) for (row, _), words in zip(expected, ids.tolist(), strict=True)}
    assert set(zip(present(plain.reference_row).tolist(), map(tuple, plain.text.tolist()), strict=True)) == wanted
    drifted, _ = first(texts="template", drift=1.0)  # leads elsewhere, and no word says so
    assert torch.equal(drifted.text, plain.text) and not torch.equal(drifted.target, plain.target)


def test_more_triplets_than_there_are_is_refused(train: Features, val: Features, tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="have only"):
        composing(train, val, tokenizer, net=None, triplets=5_000)


def cosine(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The least likeness of two rows."""
    return float(torch.nn.functional.cosine_similarity(found.float(), expected, dim=-1).min())


@pytest.mark.parametrize("changes", [{"one_shop": True}, {"texts": "generated"}, {"texts": "template", "drift": 0.5}])
def test_processes_write_the_same_triplets(changes: dict[str, object]) -> None:
    sizes = {"products": SHOP + COUNT, "triplets": 40, "validation_products": 2, "validation_triplets": 2}
    config = DrawnTriplets.model_validate({"source": "drawn", "spoken": 0.5, **sizes, **changes})
    products = images.products(SHOP + COUNT, split="train", seed=SEED)
    alone, together = (choose(products, config, seed=SEED, workers=workers) for workers in (0, 2))
    assert together == alone and [one.wish for one in together] == [one.wish for one in alone]
