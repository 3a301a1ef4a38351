"""The stage of CLIP4Cir's combiner against loops written from its formulas, on a tiny network."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.nets.clip4cir import Clip4Cir
from models.nets.frozen_clip import FrozenClipHead
from tests.models import tiny
from tests.present import present
from tests.training.methods.few import END, ROWS, Triplets
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig, TripletLoss
from training.methods.clip4cir import Clip4CirConfig
from training.methods.frozen_clip import HeadConfig, HeadStage

ALONE = World.alone(torch.device("cpu"))


def stage(*, satisfied: bool = True, epochs: int = 1, dropout: float = 0.5) -> tuple[HeadConfig, HeadStage]:
    torch.manual_seed(4)
    part = HeadConfig(
        dropout=dropout,
        data=DrawnTriplets(source="drawn", products=2, triplets=2, validation_products=2, validation_triplets=2),
        loss=TripletLoss(temperature=0.05, satisfied=satisfied),
        optim=OptimConfig(learning_rate=1e-3, weight_decay=0, warmup_steps=0),
        loop=LoopConfig(epochs=epochs, batch=ROWS, precision="float32"),
    )
    net = Clip4Cir(tiny.backbone(end=END), dropout=part.dropout).eval()
    return part, HeadStage(part, net=net, see=Clip4CirConfig.see, data=Triplets(), world=ALONE)


def queries(net: FrozenClipHead, batch: TripletBatch) -> list[Tensor]:
    seen = net.backbone.image_states(batch.reference)[:, 0]
    return [net.compose(seen[[row]], batch.text[[row]])[0] for row in range(len(seen))]


@torch.no_grad()
@pytest.mark.parametrize("satisfied", [True, False])
def test_the_loss_is_the_cross_entropy_of_each_query_over_the_targets(satisfied: bool) -> None:
    _, made = stage(satisfied=satisfied)
    (batch,) = made.batches(0, start=0)
    targets, total = made.net.backbone.image(batch.target), 0.0
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: math.exp(float(query @ target) / 0.05) for other, target in enumerate(targets)}
        if satisfied:
            scores = {other: value for other, value in scores.items() if not present(batch.satisfied)[row, other]}
        total -= math.log(scores[row] / sum(scores.values())) / ROWS
    assert float(made.loss(made.embeddings(batch))) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_the_recall_counts_the_targets_that_come_before_all_but_the_reference() -> None:
    _, made = stage()
    (batch,) = made.batches(0, start=0)
    gallery, hits = made.net.backbone.image(batch.reference), 0
    for row, query in enumerate(queries(made.net, batch)):
        scores = {other: float(query @ vector) for other, vector in enumerate(gallery) if other != row}
        hits += max(scores, key=lambda other: scores[other]) == (row + 1) % ROWS
    assert 0 < hits < ROWS  # or it would show nothing
    assert made.validate() == {"recall_1": pytest.approx(hits / ROWS), "recall_10": 1.0}


def test_a_few_steps_lower_the_loss_and_clip_stays_as_it_was(tmp_path: Path) -> None:
    part, made = stage(epochs=20, dropout=0.0)
    before = {name: value.clone() for name, value in made.net.state_dict().items()}
    loop.fit(made, seed=1, optim=part.optim, loop=part.loop, folder=tmp_path, world=ALONE)
    lines = [json.loads(line) for line in (tmp_path / loop.LOG).read_text().splitlines()]
    first, last = (line["loss"] for line in lines if "loss" in line)
    assert last < first
    trained = checkpoint.best(tmp_path)
    assert {name.split(".")[0] for name in trained} == {"of_text", "of_image", "mix", "weigh"}
    after = made.net.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name.startswith("backbone."))
