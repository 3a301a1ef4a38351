"""The first stage against its formula, on a tiny CLIP and a handful of pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.arrays import Rows
from models.errors import ConfigError
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from training.data.batch import CaptionedBatch
from training.data.config import DrawnPictures
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig
from training.methods.two_stage.config import MappingConfig, MappingLoss, MappingNet
from training.methods.two_stage.mapping import MappingStage

ALONE = World.alone(torch.device("cpu"))
TEXTS = [f"a {colour} dress with {part}" for colour in ("red", "blue") for part in ("long", "sleeves", "a", "that")]
OPTIM = OptimConfig(learning_rate=1e-2, weight_decay=0.1, warmup_steps=0)


class Pictures:
    """Eight pictures as pixels, the target view mirrored."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        generator = torch.Generator().manual_seed(3)
        self.pixels = torch.randint(0, 256, (8, 3, tiny.SIZE, tiny.SIZE), dtype=torch.uint8, generator=generator)
        self.tokens = torch.from_numpy(tokenizer.encode(TEXTS).ids)
        self.asked: list[tuple[int, list[list[int]]]] = []

    def __len__(self) -> int:
        return len(self.pixels)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[CaptionedBatch]:
        self.asked.append((epoch, [rows.tolist() for rows in orders]))
        for rows in orders:
            pixels = self.pixels[rows]
            yield CaptionedBatch(reference=pixels, target=pixels.flip(-1), caption=self.tokens[rows])

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        yield from self.pixels.split(3)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")


def settings(*, soft: float = 0.2, reference: float = 1.0, batch: int = 4) -> MappingConfig:
    return MappingConfig(
        net=MappingNet(injection_layers=(3,)),
        data=DrawnPictures(source="drawn", products=8, validation_products=8),
        loss=MappingLoss(temperature=0.1, soft=soft, reference=reference),
        optim=OPTIM,
        loop=LoopConfig(epochs=2, batch=batch, precision="float32"),
    )


def stage(tokenizer: Tokenizer, config: MappingConfig | None = None, *, world: World = ALONE) -> MappingStage:
    template = Template.parse("a photo of *")
    slot = tokenizer.slot(template)
    assert slot is not None
    sentence = torch.from_numpy(tokenizer.encode([""], template=template).ids)[:, : slot + 2]
    assert sentence[0, -1] == tokenizer.end
    return MappingStage(
        config or settings(),
        seed=5,
        net=tiny.net(end=tokenizer.end),
        sentence=sentence,
        slot=slot,
        data=Pictures(tokenizer),
        world=world,
    )


def entropy(rows: Tensor) -> float:
    """Mean over rows of −log softmax at the diagonal, in a loop."""
    return sum(float(rows[i].logsumexp(0) - rows[i, i]) for i in range(len(rows))) / len(rows)


def nce(left: Tensor, right: Tensor) -> float:
    return (entropy(left @ right.T / 0.1) + entropy(right @ left.T / 0.1)) / 2


@torch.no_grad()
@pytest.mark.parametrize(("soft", "reference"), [(0.2, 1.0), (0.0, 1.0), (0.7, 0.0)])
def test_the_loss_is_that_of_the_equations(tokenizer: Tokenizer, soft: float, reference: float) -> None:
    mapping = stage(tokenizer, settings(soft=soft, reference=reference))
    net = mapping.net.eval()
    batch = next(iter(mapping.batches(0, start=0)))
    ours = mapping.loss(mapping.embeddings(batch))

    # one by one, from pixels and words, through the whole context instead of the cut sentence
    words = torch.from_numpy(tokenizer.encode([""], template=Template.parse("a photo of *")).ids)
    rows = range(len(batch.reference))
    states = [net.backbone.image_states(batch.reference[[row]]) for row in rows]
    t = torch.cat([net.compose(net.reference(state), words, slot=4, adapted=False) for state in states])
    v_ref, v_tgt, c = (
        torch.cat([tower(batch.tensors()[name][[row]]) for row in rows])
        for tower, name in (
            (net.backbone.image, "reference"),
            (net.backbone.image, "target"),
            (net.backbone.text, "caption"),
        )
    )
    expected = nce(v_tgt, t) + reference * nce(v_ref, t)
    for row in rows:
        q, p = torch.softmax(c[row] @ v_tgt.T / 0.1, dim=0), torch.softmax(c[row] @ t.T / 0.1, dim=0)
        expected += soft * float((q * (q / p).log()).sum()) / len(rows)
    assert float(ours) == pytest.approx(expected, rel=1e-4)


def test_only_the_modules_of_the_first_stage_learn_and_clip_never_changes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    mapping = stage(tokenizer)
    before = {name: value.clone() for name, value in mapping.net.state_dict().items()}
    loop.fit(mapping, seed=1, optim=OPTIM, loop=settings().loop, folder=tmp_path, world=ALONE)
    after = mapping.net.state_dict()
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"learner", "patches", "injections"}
    assert {name.split(".")[0] for name in checkpoint.best(tmp_path)} == changed
    with_gradient = {name for name, value in mapping.net.named_parameters() if value.grad is not None}
    assert with_gradient == {name for name, value in mapping.net.named_parameters() if value.requires_grad}
    assert not any(name.startswith("injections.2") for name in after)  # it stood after the last block
    assert not torch.equal(after["injections.0.norm.running_mean"], before["injections.0.norm.running_mean"])


def test_in_parts_it_has_the_gradient_and_statistics_of_a_pass_for_each_part(tokenizer: Tokenizer) -> None:
    ours, plain = stage(tokenizer), stage(tokenizer)
    for each in (ours, plain):
        loop.enter_training(each.net)
    parts = [slice(0, 2), slice(2, 4)]
    batch = next(iter(ours.batches(0, start=0)))
    loss = loop.gradients(ours, batch, parts=parts, precision="float32", key="key", world=ALONE)
    passes = []
    for number, part in enumerate(parts):
        loop.reseed("key", part=number)
        passes.append(plain.embeddings(batch.rows(part)))
    expected = plain.loss({name: torch.cat([found[name] for found in passes]) for name in passes[0]})
    torch.autograd.backward(expected)
    torch.testing.assert_close(loss, expected.detach())
    for (name, one), other in zip(ours.net.named_parameters(), plain.net.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5, msg=name)
    state = plain.net.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in ours.net.state_dict().items())
    assert int(state["injections.0.norm.num_batches_tracked"]) == 2


def test_without_injections_the_patch_map_does_not_learn(tokenizer: Tokenizer) -> None:
    mapping = stage(tokenizer)
    mapping.net.injections.clear()
    again = MappingStage(
        settings(),
        seed=5,
        net=mapping.net,
        sentence=torch.tensor([[0, 0, 0, 0, 0, tokenizer.end]]),
        slot=4,
        data=Pictures(tokenizer),
        world=ALONE,
    )
    learning = {name.split(".")[0] for name, value in again.net.named_parameters() if value.requires_grad}
    assert learning == {"learner"}
    again.loss(again.embeddings(next(iter(again.batches(0, start=0))))).backward()
    assert all(value.grad is not None for value in again.net.learner.parameters())


@torch.no_grad()
def test_pictures_and_words_seen_beforehand_give_what_pixels_and_ids_do(tokenizer: Tokenizer) -> None:
    mapping = stage(tokenizer)
    mapping.net.eval()
    backbone = mapping.net.backbone
    batch = next(iter(mapping.batches(0, start=0)))
    seen = CaptionedBatch(
        reference=backbone.image_states(batch.reference).half(),
        target=backbone.image_states(batch.target)[:, 0].half(),
        caption=backbone.text(batch.caption).half(),
    )
    found, expected = mapping.embeddings(seen), mapping.embeddings(batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=5e-3, rtol=0)
        torch.testing.assert_close(value.norm(dim=1), torch.ones(4), atol=1e-5, rtol=0)


def test_the_ranks_share_the_batches_of_one_and_a_resume_sees_the_rest(tokenizer: Tokenizer) -> None:
    whole = list(stage(tokenizer).batches(1, start=0))
    ranks = [World(rank=rank, size=2, device=ALONE.device) for rank in range(2)]
    parts = zip(*(stage(tokenizer, world=world).batches(1, start=0) for world in ranks), strict=True)
    assert len(whole) == stage(tokenizer).steps_per_epoch == 2
    for batch, own in zip(whole, parts, strict=True):
        for name, rows in batch.tensors().items():
            assert torch.equal(rows, torch.cat([part.tensors()[name] for part in own]))
    (rest,) = stage(tokenizer).batches(1, start=1)
    assert torch.equal(rest.reference, whole[1].reference)
    assert not torch.equal(rest.reference, next(iter(stage(tokenizer).batches(0, start=1))).reference)


@torch.no_grad()
def test_validation_counts_how_often_the_sentence_finds_its_own_picture(tokenizer: Tokenizer) -> None:
    mapping = stage(tokenizer)
    net = mapping.net.eval()
    pixels = Pictures(tokenizer).pixels
    words = torch.from_numpy(tokenizer.encode([""] * 8, template=Template.parse("a photo of *")).ids)
    t = net.compose(net.reference(net.backbone.image_states(pixels)), words, slot=4, adapted=False)
    ranks = [(t[i] @ net.backbone.image(pixels).T).argsort(descending=True).tolist().index(i) for i in range(8)]
    found = mapping.validate()
    assert found == {
        "recall_1": pytest.approx(sum(rank < 1 for rank in ranks) / 8),
        "recall_10": pytest.approx(1.0),
    }
    assert mapping.score in found


def test_a_batch_larger_than_the_data_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match=r"16 is more than the 8 rows"):
        stage(tokenizer, settings(batch=16))
