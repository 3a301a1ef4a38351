"""The loop against a plain one: alone, on two ranks, in parts, killed and resumed."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.errors import ConfigError
from tests.training.engine.tiny_stage import ALONE, BATCH, EPOCHS, OPTIM, SEED, STEPS, Tiny, fit, run_script
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.engine.ema import Average
from training.engine.optim import adamw, rate


def close(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.allclose(one[name], other[name], rtol=0, atol=1e-9) for name in one)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without dropout, on one device and in one part."""
    folder = tmp_path_factory.mktemp("whole")
    fit(Tiny(ALONE), folder)
    return folder


def test_a_run_equals_a_plain_loop(tmp_path: Path) -> None:
    plain = Tiny(ALONE, dropout=0.3, norm=True)
    optimizer = adamw(plain.net.named_parameters(), OPTIM)
    step = 0
    for epoch in range(EPOCHS):
        plain.net.train()
        plain.net.frozen.eval()
        for batch in plain.batches(epoch, start=0):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, steps=STEPS, config=OPTIM)
            loop.reseed(f"{SEED}/{step}", part=0)
            loss = plain.loss(plain.embeddings(batch))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(plain.net.parameters(), OPTIM.clip_norm)
            optimizer.step()
            step += 1
    assert step == STEPS
    stage = Tiny(ALONE, dropout=0.3, norm=True)
    assert close(fit(stage, tmp_path), checkpoint.trained(plain.net))
    assert stage.done == [step / STEPS for step in range(1, STEPS + 1)]


def test_two_ranks_come_to_the_weights_of_one(whole: Path, tmp_path: Path) -> None:
    assert run_script(tmp_path / "run", ranks=2, microbatch=2) == 0
    assert close(checkpoint.weights(tmp_path / "run"), checkpoint.weights(whole))
    logs = [(folder / loop.LOG).read_text().splitlines() for folder in (whole, tmp_path / "run")]
    steps = [[json.loads(line)["step"] for line in lines] for lines in logs]
    assert steps == [[6, 10, 12, 18]] * 2  # once, not by each rank


def test_a_run_killed_on_two_ranks_goes_on_alone(whole: Path, tmp_path: Path) -> None:
    assert run_script(tmp_path, ranks=2, killed_step=9) != 0
    assert torch.load(tmp_path / checkpoint.FILE, weights_only=True)["progress"]["step"] == 8
    assert close(fit(Tiny(ALONE), tmp_path), checkpoint.weights(whole))
    assert close(checkpoint.best(tmp_path), checkpoint.best(whole))


def test_parts_come_to_the_weights_of_the_whole(whole: Path, tmp_path: Path) -> None:
    assert close(fit(Tiny(ALONE), tmp_path, microbatch=2), checkpoint.weights(whole))


def test_a_batch_norm_sees_two_ranks_as_two_parts_and_keeps_the_statistics_of_the_first_rank(tmp_path: Path) -> None:
    options: dict[str, Any] = {"norm": True, "dropout": 0.3}
    assert run_script(tmp_path / "ranks", ranks=2, **options) == 0
    parts = Tiny(ALONE, **options)
    means: list[Tensor] = []  # of what each pass gave the norm, once
    parts.net.body[1].register_forward_pre_hook(
        lambda _, seen: means.append(seen[0].mean(dim=0)) if torch.is_grad_enabled() else None
    )
    fit(parts, tmp_path / "parts", microbatch=BATCH // 2)
    ours, expected = checkpoint.weights(tmp_path / "ranks"), checkpoint.weights(tmp_path / "parts")
    whole = fit(Tiny(ALONE, **options), tmp_path / "whole")
    learned = [name for name, _ in parts.net.named_parameters() if name in expected]
    assert close({name: ours[name] for name in learned}, {name: expected[name] for name in learned})
    assert not torch.allclose(ours["head.weight"], whole["head.weight"])

    running = torch.zeros(8, dtype=torch.float64)
    for mean in means[::2]:
        running = 0.9 * running + 0.1 * mean
    assert torch.allclose(ours["body.1.running_mean"], running)
    assert (len(means), int(ours["body.1.num_batches_tracked"])) == (2 * STEPS, STEPS)
    assert int(expected["body.1.num_batches_tracked"]) == 2 * STEPS


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_parts_have_the_gradient_and_statistics_of_plain_autograd_with_the_same_dropout(precision: str) -> None:
    ours, plain = Tiny(ALONE, dropout=0.3, norm=True), Tiny(ALONE, dropout=0.3, norm=True)
    for stage in (ours, plain):
        stage.net.float().train()
        stage.net.frozen.eval()
    doubles = next(ours.batches(0, start=0))
    batch = replace(doubles, pixels=doubles.pixels.float(), targets=doubles.targets.float())
    parts = [slice(0, 4), slice(4, 8)]
    loss = loop.gradients(ours, batch, parts=parts, precision=precision, key="key", world=ALONE)

    passes = []
    for number, part in enumerate(parts):
        loop.reseed("key", part=number)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            passes.append(plain.embeddings(batch.rows(part)))
    expected = plain.loss({name: torch.cat([found[name] for found in passes]) for name in passes[0]})
    torch.autograd.backward(expected)

    assert torch.equal(loss, expected)
    for (name, one), other in zip(ours.net.named_parameters(), plain.net.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None) == name.startswith(("frozen", "idle")), name
        if one.grad is not None and other.grad is not None:
            assert torch.allclose(one.grad, other.grad, atol=1e-6), name
    assert all(torch.equal(one, other) for one, other in zip(ours.net.buffers(), plain.net.buffers(), strict=True))


class Cloned(TorchFunctionMode):
    """Watches where the tensors lie that are cloned."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: tuple[type, ...],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        if func is Tensor.clone and isinstance(args[0], Tensor):
            self.places.add(args[0].data_ptr())
        return func(*args, **(kwargs or {}))


def test_parts_keep_a_copy_of_running_statistics_and_of_no_other_buffers() -> None:
    stage = Tiny(ALONE, norm=True)
    stage.net.average = Average(stage.net.head)
    batch = next(stage.batches(0, start=0))
    with Cloned() as cloned:
        loop.gradients(stage, batch, parts=[slice(0, 4), slice(4, 8)], precision="float32", key="key", world=ALONE)
    statistics, average = ({b.data_ptr() for b in part.buffers()} for part in (stage.net.body, stage.net.average))
    assert statistics <= cloned.places and len(statistics) == 3
    assert not average & cloned.places and len(average) == 2


def test_dropout_is_the_same_for_a_repeated_pass_and_another_for_each_step_and_part() -> None:
    drawn = []
    for key, part in [("5/1", 0), ("5/1", 0), ("5/2", 0), ("5/1", 1)]:
        loop.reseed(key, part=part)
        drawn.append(float(torch.rand(())))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("killed_step", [9, 16])  # within the best epoch, and after it
def test_a_killed_run_goes_on_to_the_identical_weights(tmp_path: Path, killed_step: int) -> None:
    options: dict[str, Any] = {"dropout": 0.3, "norm": True, "scores": (0.1, 0.3, 0.2)}
    fit(Tiny(ALONE, **options), tmp_path / "whole")
    assert run_script(tmp_path / "killed", **options, killed_step=killed_step) == -signal.SIGKILL
    torch.rand(7)  # a resumed process has drawn other numbers before
    fit(Tiny(ALONE, **options), tmp_path / "killed")
    for state in (checkpoint.weights, checkpoint.best):
        assert same(state(tmp_path / "whole"), state(tmp_path / "killed"))


def test_the_best_weights_are_those_of_the_epoch_with_the_highest_score(tmp_path: Path) -> None:
    stage = Tiny(ALONE, scores=(0.1, 0.5, 0.3))
    last = fit(stage, tmp_path)
    assert same(checkpoint.best(tmp_path), stage.seen[1])
    assert same(checkpoint.weights(tmp_path), last)
    assert not same(stage.seen[1], last)
    images = checkpoint.best_images(tmp_path)
    assert images is not None and images.tolist() == [[2.0] * 4] * 3  # of the second validation


def test_every_second_epoch_and_the_last_are_validated_without_changing_the_run(whole: Path, tmp_path: Path) -> None:
    stage = Tiny(ALONE, scores=(0.9, 0.5, 0.3))
    last = fit(stage, tmp_path, validation_epochs=2)
    lines = [json.loads(line) for line in (tmp_path / loop.LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines if "epoch" in line] == [2, 3]
    assert same(checkpoint.best(tmp_path), stage.seen[0])
    assert close(last, checkpoint.weights(whole))


def test_a_kill_between_the_best_weights_and_the_checkpoint_changes_nothing(tmp_path: Path) -> None:
    fit(Tiny(ALONE, scores=(0.2, 0.5, 0.3)), tmp_path / "whole")
    with pytest.raises(ConfigError):  # stops at step 8 of 18, before the second epoch's end
        fit(Tiny(ALONE, scores=(0.2, 0.5, 0.3), broken_step=9), tmp_path / "stopped")
    ahead = (tmp_path / "whole" / checkpoint.BEST).read_bytes()  # of the second epoch
    (tmp_path / "stopped" / checkpoint.BEST).write_bytes(ahead)
    fit(Tiny(ALONE, scores=(0.2, 0.5, 0.3)), tmp_path / "stopped")
    for state in (checkpoint.weights, checkpoint.best):
        assert same(state(tmp_path / "whole"), state(tmp_path / "stopped"))


def test_a_warm_up_that_is_cut_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(Tiny(ALONE), tmp_path / "run")
    assert f"run: {STEPS // 10} steps of warm-up, not 2: a tenth of the run\n" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="step 6 the loss is nan"):
        fit(Tiny(ALONE, broken_step=5), tmp_path)
    state = torch.load(tmp_path / checkpoint.FILE, weights_only=True)
    assert state["progress"]["step"] == 4
    assert all(value.isfinite().all() for value in state["net"].values())


def test_a_batch_that_does_not_divide_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="8 rows do not divide into parts of 3"):
        fit(Tiny(ALONE), tmp_path, microbatch=3)
    with pytest.raises(ConfigError, match="a batch of 8 does not divide among 3 ranks"):
        fit(Tiny(World(rank=0, size=3, device=ALONE.device)), tmp_path)


def test_a_run_with_other_epochs_or_batches_is_not_gone_on_with(whole: Path) -> None:
    for change in ({"epochs": 4}, {"batch": 4}):
        with pytest.raises(ConfigError, match="3 epochs of 6 batches of 8"):
            fit(Tiny(ALONE), whole, **change)
