"""TransAgg's stage against loops written from its formulas, on a tiny network."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from models.nets.transagg import TransAgg
from tests.models import tiny
from training.datasets.config import DrawnTriplets
from training.evaluation.metrics import Rows
from training.ranks import World
from training.settings.instruct import ReformulatingLoss
from training.settings.sections import LoopConfig, OptimConfig
from training.settings.transagg import AggregatingConfig
from training.stages.aggregating import Aggregating
from training.stages.triplets import Questions

END = 3
ROWS = 6


class Triplets:
    """A handful of random pictures and texts; the targets are the next pictures."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(5)
        size = (ROWS, 3, tiny.SIZE, tiny.SIZE)
        self.pictures = torch.randint(0, 256, size, dtype=torch.uint8, generator=draw)
        self.texts = torch.randint(4, 20, (ROWS, 5), generator=draw)
        self.texts[:, 0], self.texts[:, 3:] = 2, END
        self.satisfied = torch.zeros(ROWS, ROWS, dtype=torch.bool)
        self.satisfied[0, 2] = self.satisfied[4, 1] = True
        relevant = [np.array([(row + 1) % ROWS]) for row in range(ROWS)]
        self.questions = Questions(np.arange(ROWS), self.texts, relevant)

    def __len__(self) -> int:
        return ROWS

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return [np.arange(ROWS)]

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        for order in orders:
            rows = torch.from_numpy(order[share])
            yield {
                "reference": self.pictures[rows],
                "target": self.pictures.roll(-1, 0)[rows],
                "text": self.texts[rows],
                "satisfied": self.satisfied[rows],
            }

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        yield from self.pictures.split(4)


def stage(*, satisfied: bool = True) -> Aggregating:
    torch.manual_seed(4)
    part = AggregatingConfig(
        data=DrawnTriplets(source="drawn", products=2, triplets=2, validation_products=2, validation_triplets=2),
        loss=ReformulatingLoss(temperature=0.05, satisfied=satisfied),
        optim=OptimConfig(learning_rate=1e-3, weight_decay=0, warmup_steps=0),
        loop=LoopConfig(epochs=1, batch=ROWS, precision="float32"),
    )
    net = TransAgg(tiny.backbone(end=END), dropout=part.dropout).eval()
    return Aggregating(part, net=net, data=Triplets(), world=World.alone(torch.device("cpu")))


def queries(net: TransAgg, batch: dict[str, Tensor]) -> list[Tensor]:
    rows = range(len(batch["text"]))
    return [net.compose(net.backbone.image_states(batch["reference"][[n]]), batch["text"][[n]])[0] for n in rows]


@torch.no_grad()
@pytest.mark.parametrize("satisfied", [True, False])
def test_the_loss_is_the_cross_entropy_of_each_query_over_the_targets(satisfied: bool) -> None:
    made, total = stage(satisfied=satisfied), 0.0
    (batch,) = made.batches(0, start=0)
    targets = made.net.backbone.image(batch["target"])
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: math.exp(float(query @ target) / 0.05) for other, target in enumerate(targets)}
        if satisfied:
            scores = {other: value for other, value in scores.items() if not batch["satisfied"][row, other]}
        total -= math.log(scores[row] / sum(scores.values())) / ROWS
    assert float(made.loss(made.embeddings(batch))) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_pictures_seen_beforehand_give_the_same_as_their_pixels() -> None:
    made = stage()
    (batch,) = made.batches(0, start=0)
    states = {name: made.net.backbone.image_states(batch[name]) for name in ("reference", "target")}
    seen = batch | {"reference": states["reference"], "target": states["target"][:, 0]}
    found, wanted = made.embeddings(seen), made.embeddings(batch)
    assert found.keys() == wanted.keys()
    assert all(torch.allclose(found[name].float(), wanted[name].float(), atol=1e-5) for name in found)


@torch.no_grad()
def test_the_recall_counts_the_targets_that_come_before_all_but_the_reference() -> None:
    made = stage()
    (batch,) = made.batches(0, start=0)
    gallery, hits = made.net.backbone.image(batch["reference"]), 0
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: float(query @ vector) for other, vector in enumerate(gallery) if other != row}
        hits += max(scores, key=lambda other: scores[other]) == (row + 1) % ROWS
    assert 0 < hits < ROWS  # or it would show nothing
    assert made.validate() == {"recall_1": pytest.approx(hits / ROWS), "recall_10": 1.0}
