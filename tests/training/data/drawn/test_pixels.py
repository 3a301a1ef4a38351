"""Triplets as pixels: which targets of a batch a caption describes, and batches of one shop."""

from pathlib import Path

import numpy as np
import pytest

from models.tokenizer import PLAIN, Tokenizer
from tests.present import present
from training import vocabulary
from training.data.config import DrawnTriplets
from training.data.drawn import images, triplets
from training.data.drawn.pixels import DrawnPixelTriplets
from training.data.drawn.triplets import GRADES

SEED = 3
CONFIG = DrawnTriplets(
    source="drawn", products=300, triplets=160, spoken=0.5, misspelt=0.2, validation_products=60, validation_triplets=20
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    vocabulary.learn(images.texts(200, seed=SEED), size=700, path=path)
    return Tokenizer.open(path, context_length=40)


def data(tokenizer: Tokenizer, cache: Path, **changes: object) -> DrawnPixelTriplets:
    config = CONFIG.model_copy(update=changes)
    return DrawnPixelTriplets(
        config, tokenizer=tokenizer, template=PLAIN, seed=SEED, size=16, cache=cache, captions=True
    )


def test_a_caption_that_describes_another_target_is_marked(tokenizer: Tokenizer, tmp_path: Path) -> None:
    found = data(tokenizer, tmp_path)
    products = images.products(300, split="train", seed=SEED)
    phrases = images.captions(products, seed=SEED, epoch=0, phrasebooks=CONFIG.phrasebooks, spoken=0.5, misspelt=0.2)
    orders = found.orders(batch=40, epoch=0)
    marked = 0
    for rows, batch in zip(orders, found.batches(orders, epoch=0, share=slice(10, 30)), strict=True):
        described = present(batch.described).numpy()
        assert described.shape == (20, 40)
        for place, row in enumerate(rows[10:30]):
            wish = phrases[found.targets[row]].wish
            wanted = [wish.accepts(products[found.targets[other]]) for other in rows]
            wanted[10 + place] = False
            assert described[place].tolist() == wanted
            marked += sum(wanted)
    assert marked > 0


def test_all_triplets_of_a_batch_are_of_one_shop_and_what_each_text_asks_for_is_graded(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triplets, "SHOP", 100)
    found = data(tokenizer, tmp_path, one_shop=True)
    chosen = triplets.choose(images.products(300, split="train", seed=SEED), CONFIG, seed=SEED)
    orders = found.orders(batch=16, epoch=0)
    assert len({int(row) for rows in orders for row in rows}) == 16 * len(orders) > 100
    seen: set[int] = set()
    for rows, batch in zip(orders, found.batches(orders, epoch=0, share=slice(4, 12)), strict=True):
        (shop,) = set(present(batch.shop).tolist())
        assert set((found.references[rows] // 100).tolist()) == {shop}
        grades = present(batch.grades).numpy()
        for place, row in enumerate(rows[4:12]):
            assert grades[place, found.targets[row] - 100 * shop] == 0
            assert grades[place, found.references[row] - 100 * shop] == GRADES
            assert (grades[place] == 0).sum() == len(chosen[row].satisfying)
        assert grades.shape == (8, 100)
        seen |= set(np.unique(grades).tolist())
    assert seen == {0, 1, 2, 3, GRADES} and np.any(found.orders(batch=16, epoch=1)[0] != orders[0])
