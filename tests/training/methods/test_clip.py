"""The small CLIP's run: it learns, it survives a kill to the identical weights, it exports what it trained."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional as F

from models.encoder import Encoder
from models.errors import ConfigError
from models.tokenizer import Tokenizer
from training.data.batch import ContrastBatch
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.methods import config, runs
from training.methods.clip import ContrastConfig, ContrastStage
from training.methods.weighted_sum import export_open_clip

ROOT = Path(__file__).parents[3]
CONFIG = """
method = "contrast"
seed = 1
[backbone]
name = "clip-small"
[data]
products = 256
validation_products = 32
vocabulary = 600
[optim]
learning_rate = 1e-3
weight_decay = 0.1
warmup_steps = 2
[loop]
epochs = 3
batch = 32
precision = "float32"
checkpoint_steps = 3
"""


def test_a_run_learns_and_leaves_its_log_and_plot(run: Path) -> None:
    lines = [json.loads(line) for line in (run / loop.LOG).read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert [line["step"] for line in lines if "loss" in line] == [10, 20]
    assert losses[-1] < losses[0]
    assert [line["epoch"] for line in lines if "epoch" in line] == [1, 2, 3]
    assert all(0.0 <= line["recall_1"] <= line["recall_10"] <= 1.0 for line in lines if "epoch" in line)
    assert (run / loop.PLOT).read_bytes().startswith(b"\x89PNG")


def test_a_killed_run_goes_on_to_the_identical_weights(config_file: Path, run: Path) -> None:
    out = config_file.parent / "killed"
    command = [sys.executable, "-W", "ignore", "-m", "training", "train", str(config_file), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 200
    while not (out / checkpoint.FILE).exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = torch.load(out / checkpoint.FILE, weights_only=True)["progress"]["step"]
    assert 0 < done < 24

    runs.train(config_file, out)
    for state in (checkpoint.weights, checkpoint.best):
        whole, resumed = state(run), state(out)
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_two_ranks_share_the_batches_of_one(config_file: Path, run: Path) -> None:
    def batches(rank: int, size: int) -> list[ContrastBatch]:
        world = World(rank=rank, size=size, device=torch.device("cpu"))
        settings = config.read(config_file)
        assert isinstance(settings, ContrastConfig)
        stage = ContrastStage(settings, out=run, cache=run.parent / "cache", world=world)
        return list(stage.batches(1, start=2))

    whole = batches(0, 1)
    assert len(whole) == 6
    assert any(batch.tensors()["described"].any() for batch in whole)
    for batch, one, other in zip(whole, batches(0, 2), batches(1, 2), strict=True):
        for name in ("pixels", "described"):
            assert torch.equal(batch.tensors()[name], torch.cat([one.tensors()[name], other.tensors()[name]]))
        tokens, *shares = (part.tensors()["tokens"] for part in (batch, one, other))
        length = tokens.shape[1]  # the longest of both; each rank cuts at its own
        assert torch.equal(tokens, torch.cat([F.pad(share, (0, length - share.shape[1])) for share in shares]))


def test_classifiers_and_the_average_learn_with_it_and_are_not_exported(config_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "classified.toml"
    words = CONFIG.replace("seed = 1", "seed = 1\naverage = 0.9").replace('"clip-small"', '"conv-minilm"')
    path.write_text(words + "[loss]\nattributes = 1.0\n")
    runs.train(path, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / loop.LOG).read_text().splitlines()]
    scores = [line for line in lines if "epoch" in line]
    assert scores[-1]["attributes"] > scores[0]["attributes"] and scores[-1]["whole"] <= scores[-1]["attributes"]
    settings = config.read(path)
    assert isinstance(settings, ContrastConfig)
    stage = ContrastStage(
        settings, out=tmp_path / "run", cache=tmp_path / "cache", world=World.alone(torch.device("cpu"))
    )
    checkpoint.load(stage.net, checkpoint.best(tmp_path / "run"))
    pixels = next(stage.batches(0, start=0)).pixels[:4]
    runs.export(tmp_path / "run", text_weight=None, out=tmp_path / "bundle")
    exported = Encoder.open(tmp_path / "bundle").gallery(pixels.numpy())
    averaged, last = (net.eval().image(pixels).detach().numpy() for net in (stage.net.settled(), stage.net.backbone))
    np.testing.assert_allclose(exported, averaged, atol=2e-4)
    assert np.abs(exported - last).max() > 1e-3


def test_a_finished_run_run_again_changes_nothing(config_file: Path, run: Path) -> None:
    before = checkpoint.weights(run)
    runs.train(config_file, run)
    assert all(torch.equal(value, before[name]) for name, value in checkpoint.weights(run).items())


def test_another_config_is_not_mixed_into_a_run(config_file: Path, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("1e-3", "2e-3"))
    with pytest.raises(ConfigError, match="another config"):
        runs.train(other, run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("epochs = 3", "epochs = 0"), "loop.epochs"),
        (("seed = 1", "sede = 1"), "seed"),
        (('"float32"', '"float8"'), "loop.precision"),
        (("[loop]", "[loop"), "not TOML"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_by_its_key(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "tiny.toml").write_text(CONFIG.replace(*change))
    with pytest.raises(ConfigError, match=said):
        config.read(tmp_path / "tiny.toml")


def test_every_shipped_config_parses() -> None:
    for path in (ROOT / "training" / "configs").glob("*.toml"):
        config.read(path)


def test_an_exported_run_is_a_bundle_and_exporting_twice_gives_the_same_ids(run: Path, tmp_path: Path) -> None:
    first = runs.export(run, text_weight=0.5, out=tmp_path / "first")
    second = runs.export(run, text_weight=0.5, out=tmp_path / "second")
    assert (first.model_id, first.space_id) == (second.model_id, second.space_id)
    encoder = Encoder.open(tmp_path / "first")
    pixels = np.zeros((2, 3, 96, 96), dtype=np.uint8)
    assert encoder.queries(pixels, ["in red", "in blue"], text_weight=0.5).shape == (2, 256)


def test_an_unfinished_run_cannot_be_exported(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml"):
        runs.export(tmp_path, text_weight=0.5, out=tmp_path / "bundle")
    half = Path(shutil.copytree(run, tmp_path / "half"))
    state = torch.load(half / checkpoint.FILE, weights_only=True)
    torch.save({**state, "progress": {**state["progress"], "step": 9}}, half / checkpoint.FILE)
    with pytest.raises(ConfigError, match="9 of 24 steps"):
        runs.export(half, text_weight=0.5, out=tmp_path / "bundle")


def test_an_export_never_replaces_what_is_no_bundle(run: Path, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "wedding.jpg").write_bytes(b"precious")
    with pytest.raises(ConfigError, match="not a bundle"):
        runs.export(run, text_weight=0.5, out=tmp_path / "album")
    assert (tmp_path / "album" / "wedding.jpg").read_bytes() == b"precious"


def test_a_batch_larger_than_the_data_and_a_vocabulary_larger_than_the_model_are_refused(tmp_path: Path) -> None:
    for number, change in enumerate([("batch = 32", "batch = 512"), ("vocabulary = 600", "vocabulary = 2060")]):
        other = tmp_path / f"{number}.toml"
        other.write_text(CONFIG.replace(*change))
        with pytest.raises(ConfigError, match="is more than the"):
            runs.train(other, tmp_path / str(number))


def test_any_open_clip_model_can_be_exported(tmp_path: Path) -> None:
    manifest = export_open_clip("ViT-S-32-alt", pretrained="", text_weight=0.4, out=tmp_path / "bundle")
    assert (manifest.image_size, manifest.context_length, manifest.text_weight) == (224, 77, 0.4)
    Encoder.open(tmp_path / "bundle")
    tokenizer = Tokenizer.open(tmp_path / "bundle" / "tokenizer.json", context_length=77)
    text = "Women’s H&amp;M ﬁne\ufeff knit"
    np.testing.assert_array_equal(tokenizer.encode([text]).ids, open_clip.get_tokenizer("ViT-S-32-alt")([text]).numpy())
