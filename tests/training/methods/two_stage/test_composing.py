"""The second stage against its formula, on a tiny CLIP and a handful of triplets."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Rows
from models.nets.two_stage import TwoStage
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from tests.present import present
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.data.datasets import ValidationQueries
from training.data.order import shuffled
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig
from training.methods.two_stage.composing import ComposingStage
from training.methods.two_stage.config import ComposingConfig, ComposingLoss, ComposingNet

ALONE = World.alone(torch.device("cpu"))
TEMPLATE = Template.parse(tiny.TEMPLATE)
CHANGES = ["in red", "", "with long sleeves that is blue " * 20, "$50 * and *,", "blue", "a", "is red with a", "long"]
REFERENCES = np.array([0, 1, 1, 2, 3, 4, 1, 5])  # of six pictures; one of them three times
TARGETS = np.array([1, 2, 3, 4, 5, 0, 5, 2])
SATISFIED = [{1, 5}, {2, 4}, {3}, {4}, {5, 1, 0}, {0}, {5}, {2}]  # the pictures that satisfy each text
OPTIM = OptimConfig(learning_rate=1e-2, weight_decay=0.1, warmup_steps=0)


class Asked:
    """Eight triplets of six pictures."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        generator = torch.Generator().manual_seed(3)
        self.pixels = torch.randint(0, 256, (6, 3, tiny.SIZE, tiny.SIZE), dtype=torch.uint8, generator=generator)
        self.captions = torch.from_numpy(tokenizer.encode(["a red dress", "blue", "long", "a photo", "is", "of"]).ids)
        self.texts = torch.from_numpy(tokenizer.encode(CHANGES, template=TEMPLATE).ids)
        relevant = [np.array(sorted(places)) for places in SATISFIED]
        self.validation_queries = ValidationQueries(references=REFERENCES, texts=self.texts, relevant=relevant)

    def __len__(self) -> int:
        return len(REFERENCES)

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return shuffled(len(self), batch=batch, seed=2, epoch=epoch)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        for rows in orders:
            own, columns = rows[share], TARGETS[rows]
            satisfied = np.array([[target in SATISFIED[row] for target in columns] for row in own])
            satisfied[np.arange(len(own)), np.arange(len(rows))[share]] = False
            yield TripletBatch(
                reference=self.pixels[REFERENCES[own]],
                target=self.pixels[TARGETS[own]],
                caption=self.captions[REFERENCES[own]],
                text=self.texts[own],
                reference_row=torch.from_numpy(REFERENCES[own]),
                satisfied=torch.from_numpy(satisfied),
            )

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        yield from self.pixels.split(4)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")


def settings(loss: ComposingLoss | None = None, *, learns: str = "adapters", batch: int = 8) -> ComposingConfig:
    data = {"source": "drawn", "products": 8, "triplets": 8, "validation_products": 8, "validation_triplets": 8}
    return ComposingConfig.model_validate(
        {
            "learns": learns,
            "net": ComposingNet(adapter_layers=(3, 7, 11), rank=8),
            "data": DrawnTriplets.model_validate(data),
            "loss": loss or ComposingLoss(temperature=0.1, mixed=3),
            "optim": OPTIM,
            "loop": LoopConfig(epochs=1, batch=batch, precision="float32"),
        }
    )


def stage(tokenizer: Tokenizer, config: ComposingConfig | None = None, *, world: World = ALONE) -> ComposingStage:
    net = tiny.net(end=tokenizer.end)
    with torch.no_grad():
        for parameter in net.adapters.parameters():
            parameter.mul_(20)  # as they begin, they do next to nothing
    template = Template.parse("a photo of *")
    sentence = torch.from_numpy(tokenizer.encode([""], template=template).ids)[:, :6]
    return ComposingStage(config or settings(), net=net, sentence=sentence, slot=4, data=Asked(tokenizer), world=world)


def entropy(rows: list[list[float]]) -> float:
    """Mean over rows of −log softmax at the own place."""
    return sum(float(torch.tensor(row).logsumexp(0)) - row[i] for i, row in enumerate(rows)) / len(rows)


def one_by_one(net: TwoStage, batch: TripletBatch, tokenizer: Tokenizer) -> dict[str, Tensor]:
    """Every embedding of a batch of pixels and ids alone and at full length."""
    words = torch.from_numpy(tokenizer.encode([""], template=Template.parse("a photo of *")).ids)
    found: dict[str, list[Tensor]] = {"t_c": [], "t_map": [], "v_ref": [], "v_tgt": [], "c": []}
    for row in range(len(batch.text)):
        reference = net.reference(net.backbone.image_states(batch.reference[[row]]))
        found["t_c"].append(net.compose(reference, batch.text[[row]], slot=4))
        found["t_map"].append(net.compose(reference, words, slot=4))
        found["v_ref"].append(net.backbone.image(batch.reference[[row]]))
        found["v_tgt"].append(net.backbone.image(batch.target[[row]]))
        found["c"].append(net.backbone.text(present(batch.caption)[[row]]))
    return {name: torch.cat(parts) for name, parts in found.items()}


@torch.no_grad()
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "loss",
    [
        ComposingLoss(temperature=0.1, mixed=3),
        ComposingLoss(temperature=0.1, mixed=2, mixed_logit_scale="none", mixed_cap=0.4, mapping=0.3, soft=0.6),
        ComposingLoss(temperature=0.05, mixed=0, mapping=0, soft=0),
    ],
)
def test_the_loss_is_that_of_the_equations(tokenizer: Tokenizer, loss: ComposingLoss, known: bool) -> None:
    composing = stage(tokenizer, settings(loss))
    net = composing.net.eval()
    (batch,) = composing.batches(0, start=0)
    given = batch if known else replace(batch, reference_row=None, target_row=None, satisfied=None)
    ours = composing.loss(composing.embeddings(given))

    found, tau, rows = one_by_one(net, batch, tokenizer), loss.temperature, range(8)
    t_c, t_map, v_ref, v_tgt, c = (found[name] for name in ("t_c", "t_map", "v_ref", "v_tgt", "c"))
    picture, satisfied = present(batch.reference_row).tolist(), present(batch.satisfied)
    never = -float("inf")
    z = [
        [never if known and loss.satisfied and satisfied[i, j] else float(t_c[i] @ v_tgt[j]) / tau for j in rows]
        for i in rows
    ]
    alike, hard = v_tgt @ v_tgt.T, []
    for i in rows:
        row = list(z[i])
        low, high = float(alike[i].min()), float(alike[i].max())
        for j in sorted((j for j in rows if j != i), key=lambda j: -z[i][j])[: loss.mixed]:
            share = min(loss.mixed_cap, (float(alike[i, j]) - low) / (high - low))
            m = share * v_tgt[i] + (1 - share) * v_tgt[j]
            scale = 1 / tau if loss.mixed_logit_scale == "tau" else 1
            row.append(never if z[i][j] == never else scale * float(t_c[i] @ m))
        hard.append(row)
    expected = (entropy([[z[j][i] for j in rows] for i in rows]) + entropy(hard)) / 2
    same = [[known and i != j and picture[i] == picture[j] for j in rows] for i in rows]
    y = [[never if same[i][j] else float(v_ref[i] @ t_map[j]) / tau for j in rows] for i in rows]
    expected += loss.mapping * (entropy(y) + entropy([[y[j][i] for j in rows] for i in rows])) / 2
    for i in rows:
        q, p = torch.softmax(v_ref @ c[i] / tau, dim=0), torch.softmax(t_map @ c[i] / tau, dim=0)
        expected += loss.soft * float((q * (q / p).log()).sum()) / 8
    assert float(ours) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_groups_of_texts_of_like_length_change_no_query(tokenizer: Tokenizer, rows: int) -> None:
    composing = stage(tokenizer)
    net = composing.net.eval()
    (batch,) = composing.batches(0, start=0)
    few = batch.rows(slice(rows))
    expected = one_by_one(net, few, tokenizer)["t_c"]
    torch.testing.assert_close(composing.embeddings(few)["composed"], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_was_seen_beforehand_gives_what_pixels_and_ids_do(tokenizer: Tokenizer) -> None:
    composing = stage(tokenizer)
    net = composing.net.eval()
    (batch,) = composing.batches(0, start=0)
    states = net.backbone.image_states(batch.reference)
    reference = net.reference(states)
    towers = {
        "target": net.backbone.image_states(batch.target)[:, 0].half(),
        "caption": net.backbone.text(present(batch.caption)).half(),
    }
    expected = composing.embeddings(batch)
    kept = {"reference": states[:, 0].half(), "word": reference.word.half(), "regions": reference.regions.half()}
    for seen in ({"reference": states.half()}, kept):
        found = composing.embeddings(replace(batch, **towers, **seen))
        assert found.keys() == expected.keys()
        for name in ("composed", "sentence", "reference", "target", "caption"):
            torch.testing.assert_close(found[name], expected[name], atol=1e-2, rtol=0)
            assert F.cosine_similarity(found[name], expected[name]).min() > 0.9999


def test_only_the_adapters_learn_and_nothing_else_changes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    composing = stage(tokenizer)
    before = {name: value.clone() for name, value in composing.net.state_dict().items()}
    loop.fit(composing, seed=1, optim=OPTIM, loop=settings().loop, folder=tmp_path, world=ALONE)
    after = composing.net.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {f"adapters.{layer}.{part}" for layer in range(3) for part in ("down", "up")}
    assert {name for name, value in composing.net.named_parameters() if value.grad is not None} == changed
    assert changed <= checkpoint.best(tmp_path).keys()
    loop.enter_training(composing.net)
    learned = composing.net.learner, composing.net.patches, composing.net.injections, composing.net.backbone
    assert not any(module.training for part in learned for module in part.modules())


def test_where_everything_learns_clip_still_does_not(tokenizer: Tokenizer, tmp_path: Path) -> None:
    composing = stage(tokenizer, settings(learns="everything"))
    before = {name: value.clone() for name, value in composing.net.state_dict().items()}
    loop.fit(composing, seed=1, optim=OPTIM, loop=settings().loop, folder=tmp_path, world=ALONE)
    after = composing.net.state_dict()
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"adapters", "learner", "patches", "injections"}
    assert all(value.grad is not None for value in composing.net.parameters() if value.requires_grad)


@pytest.mark.parametrize("size", [2, 4])
def test_neither_ranks_nor_parts_change_the_loss_or_its_gradient(tokenizer: Tokenizer, size: int) -> None:
    alone = stage(tokenizer)
    (batch,) = alone.batches(0, start=0)
    whole = loop.gradients(alone, batch, parts=[slice(0, 8)], precision="float32", key="1", world=ALONE)
    gradients = [value.grad for value in alone.net.adapters.parameters()]

    shares = [
        stage(tokenizer, world=World(rank=rank, size=size, device=ALONE.device)).batches(0, start=0)
        for rank in range(size)
    ]
    other = stage(tokenizer)
    found = [other.embeddings(own) for (own,) in shares]
    gathered = other.loss({name: torch.cat([part[name] for part in found]) for name in found[0]})
    gathered.backward()
    assert gathered.item() == pytest.approx(whole.item(), rel=1e-5)

    cached = stage(tokenizer)
    parts = [slice(start, start + 8 // size) for start in range(0, 8, 8 // size)]
    again = loop.gradients(cached, batch, parts=parts, precision="float32", key="1", world=ALONE)
    assert again.item() == pytest.approx(whole.item(), rel=1e-5)
    for net in (other.net, cached.net):
        for value, expected in zip(net.adapters.parameters(), gradients, strict=True):
            assert value.grad is not None and expected is not None
            torch.testing.assert_close(value.grad, expected, rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_validation_counts_every_picture_that_satisfies_and_never_the_reference(tokenizer: Tokenizer) -> None:
    composing = stage(tokenizer)
    net, data = composing.net.eval(), Asked(tokenizer)
    hits = {1: 0, 10: 0}
    gallery = net.backbone.image(data.pixels)
    for row in range(8):
        reference = net.reference(net.backbone.image_states(data.pixels[[REFERENCES[row]]]))
        query = net.compose(reference, data.texts[[row]], slot=4)[0]
        ranked = [place for place in (gallery @ query).argsort(descending=True).tolist() if place != REFERENCES[row]]
        for k in hits:
            hits[k] += bool(SATISFIED[row] & set(ranked[:k]))
    assert composing.validate() == {f"recall_{k}": pytest.approx(count / 8) for k, count in hits.items()}
