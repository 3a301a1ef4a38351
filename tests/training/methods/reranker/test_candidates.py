"""The candidates of triplets against a plain ranking, and the batches that a resume sees again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from models.bundle import SHIPPED
from models.encoder import Encoder
from models.preprocess import Resize
from training.catalogue.triplets import Triplet, triplets
from training.data.batch import CandidateBatch
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn import triplets as drawn_triplets
from training.methods.reranker import candidates as drawn_candidates
from training.methods.reranker.candidates import DrawnCandidates, Ranked

SHOP, HARDEST, OTHERS, SEED = 40, 5, 3, 8
CONFIG = DrawnTriplets(source="drawn", products=80, triplets=40, validation_products=30, validation_triplets=8)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED, threads=1)


@pytest.fixture(scope="module")
def data(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> DrawnCandidates:
    with pytest.MonkeyPatch.context() as patch:  # two small shops in place of large ones
        patch.setattr(drawn_candidates, "SHOP", SHOP)
        patch.setattr(drawn_triplets, "SHOP", SHOP)
        cache = tmp_path_factory.mktemp("cache")
        return DrawnCandidates(CONFIG, encoder, hardest=HARDEST, drawn_others=OTHERS, seed=SEED, cache=cache)


@pytest.fixture(scope="module")
def asked() -> list[Triplet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn_triplets, "SHOP", SHOP)
        return drawn_triplets.choose(images.products(80, split="train", seed=SEED), CONFIG, seed=SEED)


def batches(data: DrawnCandidates, *, epoch: int, start: int = 0) -> list[CandidateBatch]:
    return list(data.batches(batch=8, epoch=epoch, start=start, share=slice(0, 8)))


def test_each_row_is_a_triplet_with_its_target_and_the_first_of_its_own_shop(
    data: DrawnCandidates, encoder: Encoder, asked: list[Triplet]
) -> None:
    products = images.products(80, split="train", seed=SEED)
    pixels = np.stack([images.product_pixels(product, Resize(96)) for product in products])
    vectors = encoder.gallery(pixels)
    rows = {product.id: row for row, product in enumerate(products)}
    seen = 0
    for batch in batches(data, epoch=0):
        for reference, composed, candidates, satisfied in zip(
            *(batch.tensors()[name].numpy() for name in ("reference", "composed", "candidates", "satisfied")),
            strict=True,
        ):
            known = [int(np.argmin(np.abs(vectors - vector.astype(np.float32)).sum(axis=1))) for vector in candidates]
            own = int(np.argmin(np.abs(vectors - reference.astype(np.float32)).sum(axis=1)))
            (triplet,) = [
                one
                for one in asked
                if (rows[one.reference], rows[one.target]) == (own, known[0])
                and np.allclose(encoder.queries(pixels[own][None], [one.text], text_weight=0.0)[0], composed, atol=2e-3)
            ]
            shop = range(own // SHOP * SHOP, own // SHOP * SHOP + SHOP)
            scores = {row: float(vectors[row] @ composed.astype(np.float32)) for row in shop if row != own}
            best = sorted(scores, key=lambda row: -scores[row])
            assert sorted(known[1 : HARDEST + 1]) == sorted(best[:HARDEST])
            assert set(known[HARDEST + 1 :]) <= set(best[HARDEST:]) and len(set(known[1:])) == HARDEST + OTHERS
            answers = {rows[id] for id in triplet.satisfying}
            assert satisfied.tolist() == [False, *(row in answers for row in known[1:])]
            seen += 1
    assert seen == 40


def test_a_resume_sees_the_same_batches_and_the_next_epoch_others(data: DrawnCandidates) -> None:
    whole, resumed, later = batches(data, epoch=1), batches(data, epoch=1, start=2), batches(data, epoch=2)
    assert len(whole) == 5
    for one, other in zip(whole[2:], resumed, strict=True):
        assert all(torch.equal(value, other.tensors()[name]) for name, value in one.tensors().items())
    assert not torch.equal(whole[0].candidates, later[0].candidates)


def test_ranks_share_a_batch_without_a_row_twice(data: DrawnCandidates) -> None:
    (whole, *_) = batches(data, epoch=0)
    parts = [next(data.batches(batch=8, epoch=0, start=0, share=part)) for part in (slice(0, 4), slice(4, 8))]
    for name in ("reference", "composed", "candidates", "satisfied"):
        assert torch.equal(torch.cat([part.tensors()[name] for part in parts]), whole.tensors()[name])


def test_a_last_shop_of_few_products_has_its_candidates_more_than_once(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_candidates, "SHOP", SHOP)
    monkeypatch.setattr(drawn_triplets, "SHOP", SHOP)
    config = CONFIG.model_copy(update={"products": SHOP + 20, "triplets": 16})
    small = DrawnCandidates(config, encoder, hardest=20, drawn_others=OTHERS, seed=SEED, cache=tmp_path)
    for batch in batches(small, epoch=0):
        assert batch.candidates.shape[1] == 1 + 20 + OTHERS


def test_another_share_of_the_text_is_another_file_of_queries(encoder: Encoder, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "bundle")
    manifest = tmp_path / "bundle" / "manifest.json"
    said = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(said | {"text_weight": 0.5}), encoding="utf-8")
    mixed = Encoder.open(tmp_path / "bundle", threads=1)
    assert mixed.manifest.model_id == encoder.manifest.model_id
    val = images.products(30, split="val", seed=SEED)
    asked = triplets(val, 8, seed=SEED)
    found = [
        Ranked(each, val, asked, split="val", seed=SEED, cache=tmp_path).composed.astype(np.float32)
        for each in (encoder, mixed)
    ]
    assert np.abs(found[0] - found[1]).max() > 0.01
