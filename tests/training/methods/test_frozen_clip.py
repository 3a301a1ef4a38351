"""TransAgg's stage against loops written from its formulas, on a tiny network."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.nets.frozen_clip import FrozenClipHead
from models.nets.transagg import TransAgg
from tests.models import tiny
from tests.present import present
from tests.training.methods.few import END, ROWS, Triplets
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig, TripletLoss
from training.methods.frozen_clip import HeadConfig, HeadStage
from training.methods.transagg import TransAggConfig


def stage(*, satisfied: bool = True) -> HeadStage:
    torch.manual_seed(4)
    part = HeadConfig(
        data=DrawnTriplets(source="drawn", products=2, triplets=2, validation_products=2, validation_triplets=2),
        loss=TripletLoss(temperature=0.05, satisfied=satisfied),
        optim=OptimConfig(learning_rate=1e-3, weight_decay=0, warmup_steps=0),
        loop=LoopConfig(epochs=1, batch=ROWS, precision="float32"),
    )
    net = TransAgg(tiny.backbone(end=END), dropout=part.dropout).eval()
    return HeadStage(part, net=net, see=TransAggConfig.see, data=Triplets(), world=World.alone(torch.device("cpu")))


def queries(net: FrozenClipHead, batch: TripletBatch) -> list[Tensor]:
    rows = range(len(batch.text))
    return [net.compose(net.backbone.image_states(batch.reference[[n]]), batch.text[[n]])[0] for n in rows]


@torch.no_grad()
@pytest.mark.parametrize("satisfied", [True, False])
def test_the_loss_is_the_cross_entropy_of_each_query_over_the_targets(satisfied: bool) -> None:
    made, total = stage(satisfied=satisfied), 0.0
    (batch,) = made.batches(0, start=0)
    targets = made.net.backbone.image(batch.target)
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: math.exp(float(query @ target) / 0.05) for other, target in enumerate(targets)}
        if satisfied:
            scores = {other: value for other, value in scores.items() if not present(batch.satisfied)[row, other]}
        total -= math.log(scores[row] / sum(scores.values())) / ROWS
    assert float(made.loss(made.embeddings(batch))) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_pictures_seen_beforehand_give_the_same_as_their_pixels() -> None:
    made = stage()
    (batch,) = made.batches(0, start=0)
    reference, target = (made.net.backbone.image_states(pixels) for pixels in (batch.reference, batch.target))
    seen = replace(batch, reference=reference, target=target[:, 0])
    found, wanted = made.embeddings(seen), made.embeddings(batch)
    assert found.keys() == wanted.keys()
    assert all(torch.allclose(found[name].float(), wanted[name].float(), atol=1e-5) for name in found)


@torch.no_grad()
def test_the_recall_counts_the_targets_that_come_before_all_but_the_reference() -> None:
    made = stage()
    (batch,) = made.batches(0, start=0)
    gallery, hits = made.net.backbone.image(batch.reference), 0
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: float(query @ vector) for other, vector in enumerate(gallery) if other != row}
        hits += max(scores, key=lambda other: scores[other]) == (row + 1) % ROWS
    assert 0 < hits < ROWS  # or it would show nothing
    assert made.validate() == {"recall_1": pytest.approx(hits / ROWS), "recall_10": 1.0}
