"""An adapter is trained on seed data, after an interruption to the same weights, and the reformulator uses it."""

import _thread
import json
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from models.errors import ConfigError, InputError
from tests.training.triplets import tiny
from training.engine import checkpoint
from training.engine.distributed import World
from training.triplets import folder, seeds, tune
from training.triplets.answers import Reply, Request
from training.triplets.config import LocalReformulator
from training.triplets.local import Reformulator, language_model
from training.triplets.tune import TuneSettings

PROMPT = "{caption_a} to {caption_b}"
SETTINGS = TuneSettings(rank=4, epochs=4, learning_rate=0.02, batch=8, held_out=8, longest=64)
THINGS = ("shirt", "dress", "hat", "boots", "jeans")
COLOURS = ("red", "black", "blue", "green", "brown", "yellow", "grey", "white")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_chat_model(tmp_path_factory.mktemp("models") / "chat")


@pytest.fixture(scope="module")
def seed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write eighty seeds, the text of all of them the same."""
    path = tmp_path_factory.mktemp("seeds") / "seeds.jsonl"
    rows = [
        {"caption_a": f"a {colour} {thing}", "caption_b": f"a {other} {thing}", "text": "make it longer"}
        for thing in THINGS
        for colour, other in zip(COLOURS * 2, COLOURS[3:] + COLOURS + COLOURS[:3], strict=False)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def adapter(chat: Path, seed_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished adapter."""
    out = tmp_path_factory.mktemp("runs") / "adapter"
    report = tune.tune(seed_file, model=str(chat), out=out, prompt=PROMPT, settings=SETTINGS)
    assert report["seeds"] == 80 and report["adapter"] == str(out)
    return out


def reformulator(model: Path, adapter: str) -> Reformulator:
    return Reformulator.open(LocalReformulator(kind="local", model=str(model), adapter=adapter, max_tokens=12))


def test_the_reformulator_with_the_adapter_writes_what_the_seeds_taught(chat: Path, adapter: Path) -> None:
    requests = [Request("a black hat to a white hat"), Request("a wide belt to a narrow band")]
    plain, tuned = reformulator(chat, ""), reformulator(chat, str(adapter))
    taught = [isinstance(answer, Reply) and answer.text == "make it longer" for answer in tuned.answer(requests)]
    untaught = [isinstance(answer, Reply) and answer.text == "make it longer" for answer in plain.answer(requests)]
    assert all(taught) and not any(untaught)
    assert tuned.name != plain.name


def test_the_held_out_likelihood_is_logged_each_epoch_and_rises(adapter: Path) -> None:
    log = [json.loads(line) for line in (adapter / "log.jsonl").read_text().splitlines()]
    likelihoods = [line["likelihood"] for line in log if "epoch" in line]
    assert len(likelihoods) == SETTINGS.epochs and likelihoods[-1] > likelihoods[0]
    assert (adapter / "loss.png").is_file()


def test_the_loss_is_the_cross_entropy_of_the_answers_alone(chat: Path) -> None:
    net, tokenizer = language_model(chat, device="cpu", dtype="float32")
    said = [
        seeds.Seed(f"a {colour} hat", "a dress with long sleeves"[: 7 + 9 * n], "make it longer" + " and red" * n)
        for n, colour in enumerate(COLOURS[:3])
    ]
    tokens = [seeds.encoded(seed, tokenizer, prompt=PROMPT) for seed in said]
    settings = replace(SETTINGS, batch=2, held_out=1)
    stage = tune._Writing(tune._adapted(net, settings), tokenizer, tokens, settings, World.alone(torch.device("cpu")))
    stage.net.eval()
    with torch.no_grad():
        found = float(stage.loss(stage.embeddings(seeds.padded(tokens, filler=0))))
        base = AutoModelForCausalLM.from_pretrained(chat)  # a new adapter changes nothing yet
        total, count = 0.0, 0
        for seed in tokens:
            logits = base(torch.tensor([[*seed.prompt, *seed.answer]])).logits[0]
            for place, token in enumerate(seed.answer, start=len(seed.prompt)):
                total -= float(F.log_softmax(logits[place - 1], dim=0)[token])
                count += 1
    assert found == pytest.approx(total / count, rel=1e-4)


def test_only_the_adapter_is_trained_and_kept(adapter: Path, chat: Path) -> None:
    kept = checkpoint.best(adapter)
    assert kept and all("lora_" in name for name in kept)
    whole = (chat / "model.safetensors").stat().st_size
    assert (adapter / "adapter_model.safetensors").stat().st_size < whole
    record = json.loads((adapter / folder.RECORD).read_text())
    assert record["base"] == folder.identity(chat) and record["prompt"] == PROMPT


def test_interrupted_and_started_again_it_ends_with_the_same_weights(
    chat: Path, seed_file: Path, adapter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "adapter"

    def interrupt() -> None:
        while not (out / checkpoint.FILE).exists():
            time.sleep(0.001)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        tune.tune(seed_file, model=str(chat), out=out, prompt=PROMPT, settings=SETTINGS)
    assert not (out / folder.ADAPTER).exists()
    tune.tune(seed_file, model=str(chat), out=out, prompt=PROMPT, settings=replace(SETTINGS, microbatch=8))
    name = "adapter_model.safetensors"
    assert (out / name).read_bytes() == (adapter / name).read_bytes()


def test_a_finished_run_is_not_run_again(chat: Path, seed_file: Path, adapter: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in adapter.iterdir()}
    report = tune.tune(seed_file, model=str(chat), out=adapter, prompt=PROMPT, settings=SETTINGS)
    assert report["epoch"] in range(1, SETTINGS.epochs + 1)
    assert {file.name: file.stat().st_mtime_ns for file in adapter.iterdir()} == before


def test_another_run_in_the_folder_is_refused_by_what_differs(chat: Path, seed_file: Path, adapter: Path) -> None:
    with pytest.raises(ConfigError, match="another rank"):
        tune.tune(seed_file, model=str(chat), out=adapter, prompt=PROMPT, settings=replace(SETTINGS, rank=2))
    with pytest.raises(ConfigError, match="another prompt"):
        tune.tune(seed_file, model=str(chat), out=adapter, prompt="{caption_a} {caption_b}", settings=SETTINGS)


def test_an_adapter_of_another_model_is_refused(adapter: Path, tmp_path: Path) -> None:
    other = tiny.tiny_chat_model(tmp_path / "other", seed=1)
    with pytest.raises(ConfigError, match="tuned on another model"):
        reformulator(other, str(adapter))


def test_too_few_and_too_long_seeds_are_refused(chat: Path, seed_file: Path, tmp_path: Path) -> None:
    for settings, words in (
        (replace(SETTINGS, held_out=73), "80 seeds are too few"),
        (replace(SETTINGS, longest=10), "row 1 has .* tokens"),
    ):
        with pytest.raises(InputError, match=words):
            tune.tune(seed_file, model=str(chat), out=tmp_path / words[:3], prompt=PROMPT, settings=settings)


@pytest.mark.parametrize("values", [{"device": "tpu"}, {"learning_rate": 0.0}, {"epochs": 0}], ids=str)
def test_a_setting_that_cannot_be_is_named(
    chat: Path, seed_file: Path, tmp_path: Path, values: dict[str, object]
) -> None:
    settings = TuneSettings(**(asdict(SETTINGS) | values))
    with pytest.raises(ConfigError, match=next(iter(values))):
        tune.tune(seed_file, model=str(chat), out=tmp_path / "adapter", prompt=PROMPT, settings=settings)
