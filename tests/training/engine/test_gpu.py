"""The stages on the GPU against the CPU, where torch sees one; on the CPU, half precision against single."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from models.arrays import Rows
from models.errors import ConfigError
from models.nets.reformulation import Reformulation
from models.nets.two_stage import TwoStage, TwoStageShape
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from tests.present import present
from training.data.batch import CaptionedBatch, TripletBatch
from training.data.datasets import ValidationQueries
from training.engine import lengths, loop
from training.engine.distributed import World
from training.engine.finite import FiniteWatch
from training.engine.settings import LoopConfig
from training.methods.instruct.config import Momentum, ReformulatingLoss
from training.methods.instruct.reformulating import Pair, Reformulating
from training.methods.two_stage.composing import ComposingStage
from training.methods.two_stage.config import ComposingConfig, MappingConfig
from training.methods.two_stage.mapping import MappingStage

ROWS = 8
_NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, _NO_GPU])]
OPTIM = {"learning_rate": 1e-3, "weight_decay": 0.1, "warmup_steps": 1}
LOOP = {"epochs": 1, "batch": ROWS, "precision": "float32"}
DRAWN = {"source": "drawn", "products": ROWS, "validation_products": ROWS}
Gradients = dict[str, Tensor]
Stage = loop.Stage[Any]  # of one of three kinds of batches


class Noise:
    """Random pictures with a few texts, as either stage reads them."""

    def __init__(self, tokens: Tokenizer) -> None:
        generator = torch.Generator().manual_seed(1)
        shape = (2, ROWS, 3, tiny.SIZE, tiny.SIZE)
        self._pictures = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        texts = [f"is {'very ' * (row % 3)}blue, with {row} sleeves" for row in range(ROWS)]
        self._texts = torch.from_numpy(tokens.encode(texts, template=Template.parse(tiny.TEMPLATE)).ids)
        self._captions = torch.from_numpy(tokens.encode(texts).ids)
        self.validation_queries = ValidationQueries(
            references=np.arange(ROWS),
            texts=self._texts,
            relevant=[np.array([(row + 1) % ROWS]) for row in range(ROWS)],
        )

    def __len__(self) -> int:
        return ROWS

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return [np.arange(batch)]

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice = slice(None)) -> Iterator[TripletBatch]:
        reference, target = self._pictures
        whole = TripletBatch(
            reference=reference,
            target=target,
            text=self._texts,
            caption=self._captions,
            target_caption=self._captions,
            target_row=torch.arange(ROWS),
        )
        for _ in orders:
            yield whole.rows(share)

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        yield self._pictures[0]


class CaptionedNoise:
    """The same images and captions alone."""

    def __init__(self, tokens: Tokenizer) -> None:
        self._noise = Noise(tokens)

    def __len__(self) -> int:
        return ROWS

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[CaptionedBatch]:
        for batch in self._noise.batches(orders, epoch=epoch):
            yield CaptionedBatch(reference=batch.reference, target=batch.target, caption=present(batch.caption))

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        yield from self._noise.gallery(batch=batch)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")


def stage(name: str, tokens: Tokenizer, *, device: str) -> Stage:
    torch.manual_seed(2)
    data, world = Noise(tokens), World.alone(torch.device(device))
    if name == "reformulating":
        null = torch.from_numpy(tokens.encode([""]).ids)
        return Reformulating(
            pair=Pair(Reformulation(tiny.backbone(end=tokens.end), null=null), averaged=True).to(device),
            data=data,
            loss=ReformulatingLoss(temperature=0.1, captions=0.1),
            momentum=Momentum(),
            loop=LoopConfig.model_validate(LOOP),
            world=world,
        )
    shape = TwoStageShape(injection_layers=(0, 1), adapter_layers=(0, 2), bottleneck=16, rank=8, dropout=0.0)
    net = TwoStage(tiny.backbone(end=tokens.end), shape).to(device)
    slot = tokens.slot(Template.parse(tiny.TEMPLATE))
    assert slot is not None
    sentence = torch.from_numpy(tokens.encode([""], template=Template.parse("a photo of *")).ids)
    if name == "mapping":
        layers = {"injection_layers": [3, 7]}
        config = MappingConfig.model_validate({"net": layers, "data": DRAWN, "optim": OPTIM, "loop": LOOP})
        captions = CaptionedNoise(tokens)
        return MappingStage(config, seed=0, net=net, sentence=sentence, slot=slot, data=captions, world=world)
    triplets = {**DRAWN, "triplets": ROWS, "validation_triplets": ROWS}
    layers = {"adapter_layers": [3, 11]}
    composing = ComposingConfig.model_validate(
        {"net": layers, "data": triplets, "loss": {"temperature": 0.1}, "optim": OPTIM, "loop": LOOP}
    )
    return ComposingStage(composing, net=net, sentence=sentence, slot=slot, data=data, world=world)


def step(made: Stage, *, device: str, precision: str, rows: int) -> tuple[Tensor, Gradients]:
    """One step's loss and gradients, so many rows at once."""
    parts = [slice(start, start + rows) for start in range(0, ROWS, rows)]
    world = World.alone(torch.device(device))
    loop.enter_training(made.net)
    (batch,) = made.batches(0, start=0)
    loss = loop.gradients(made, batch, parts=parts, precision=precision, key="0", world=world)
    return loss.cpu(), {name: p.grad.cpu() for name, p in made.net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["mapping", "composing", "reformulating"])
def test_a_step_goes_the_same_way_on_every_device_and_in_half_precision(
    name: str, device: str, tokens: Tokenizer
) -> None:
    loss, expected = step(stage(name, tokens, device="cpu"), device="cpu", precision="float32", rows=ROWS)
    assert expected and all(torch.isfinite(gradient).all() for gradient in expected.values())
    for precision, near in (("float32", 0.9999), ("bfloat16", 0.97)):
        again, found = step(stage(name, tokens, device=device), device=device, precision=precision, rows=ROWS)
        assert float(again) == pytest.approx(float(loss), rel=2e-4 if precision == "float32" else 2e-2)
        assert found.keys() == expected.keys()
        all_found, all_expected = (torch.cat([g.flatten() for g in each.values()]) for each in (found, expected))
        assert F.cosine_similarity(all_found, all_expected, dim=0) > near, precision


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["composing", "reformulating"])
def test_triplets_in_parts_and_their_validation_are_the_same_on_every_device(
    name: str, device: str, tokens: Tokenizer
) -> None:
    whole, parts = stage(name, tokens, device="cpu"), stage(name, tokens, device=device)
    _, expected = step(whole, device="cpu", precision="float32", rows=ROWS)
    _, found = step(parts, device=device, precision="float32", rows=ROWS // 4)
    least = 1e-6 * max(float(gradient.abs().max()) for gradient in expected.values())  # a bias of keys moves nothing
    for parameter, gradient in expected.items():
        near = max(least, 1e-4 * float(gradient.abs().max()))
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-3, atol=near)
    whole.net.eval()
    parts.net.eval()
    assert parts.validate() == pytest.approx(whole.validate())


class Waits(TorchDispatchMode):
    """Counts operations whose result the host must read, for which it would wait on a GPU."""

    READ = frozenset(
        {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero", "aten::unique_dim"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func._schema.name in self.READ:
            self.found.append(func._schema.name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["mapping", "composing", "reformulating"])
def test_a_step_reads_nothing_that_a_gpu_would_have_to_compute_first(
    name: str, tokens: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "HOSTS", ())  # as on a GPU
    made = stage(name, tokens, device="cpu")
    world, watch = World.alone(torch.device("cpu")), FiniteWatch(torch.device("cpu"))
    loop.enter_training(made.net)
    (batch,) = made.batches(0, start=0)
    parts = [slice(0, ROWS // 2), slice(ROWS // 2, ROWS)]
    with Waits() as waits:
        loss = loop.gradients(made, batch, parts=parts, precision="bfloat16", key="0", world=world)
        norm = torch.nn.utils.clip_grad_norm_(made.net.parameters(), 1.0)
        watch.note(1, loss, norm)
        made.stepped(0.5)
    assert not waits.found


def test_the_first_step_that_is_not_finite_is_named(tmp_path: Path) -> None:
    watch = FiniteWatch(torch.device("cpu"))
    for step_number, loss in enumerate((1.0, float("nan"), float("inf"), 1.0), start=1):
        watch.note(step_number, torch.tensor(loss), torch.tensor(2.0))
    with pytest.raises(ConfigError, match="at step 2 the loss is nan and its gradient 2"):
        watch.check(tmp_path)
    fine = FiniteWatch(torch.device("cpu"))
    fine.note(1, torch.tensor(1.0), torch.tensor(2.0))
    fine.check(tmp_path)


def test_a_batch_for_the_cpu_is_not_pinned() -> None:
    batch = CaptionedBatch(
        reference=torch.zeros(2, 3, 4, 4), target=torch.zeros(2, 3, 4, 4), caption=torch.zeros(2, 5, dtype=torch.int64)
    )
    moved = batch.to(torch.device("cpu"))
    assert moved.reference.data_ptr() == batch.reference.data_ptr() and not moved.reference.is_pinned()
