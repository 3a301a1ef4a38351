"""A whole two-stage run on drawn data: killed, resumed, taken over, exported."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from models.tokenizer import Template, Tokenizer
from training.bundles import known_images
from training.engine import backbones, checkpoint, loop
from training.methods import config, runs
from training.methods.two_stage.two_stage import TwoStageConfig

ROOT = Path(__file__).parents[4]
STEPS = """
[{stage}.optim]
learning_rate = 1e-3
weight_decay = 0.1
warmup_steps = 2
[{stage}.loop]
epochs = 2
batch = 16
precision = "float32"
checkpoint_steps = 1
"""
CONFIG = f"""
method = "two-stage"
seed = 7
template = "a * that {{text}}"
[backbone]
name = "conv-minilm"
pretrained = {json.dumps(str(SHIPPED))}
[mapping.net]
injection_layers = [3, 7, 11]
[mapping.data]
source = "drawn"
products = 64
validation_products = 48
views = 2
{STEPS.format(stage="mapping")}
[composing.net]
adapter_layers = [2, 5, 8, 11]
rank = 8
[composing.data]
source = "drawn"
products = 64
triplets = 48
one_shop = true
validation_products = 48
validation_triplets = 16
[composing.loss]
shop = [0.5, 0.25]
{STEPS.format(stage="composing")}
"""
STAGES = ("mapping", "composing")


def same(one: Path, other: Path, *, stage: str) -> bool:
    mine, yours = checkpoint.weights(one / stage), checkpoint.weights(other / stage)
    return mine.keys() == yours.keys() and all(torch.equal(value, yours[name]) for name, value in mine.items())


def test_both_stages_leave_their_weights_and_logs(run: Path) -> None:
    for stage in STAGES:
        lines = [json.loads(line) for line in (run / stage / loop.LOG).read_text().splitlines()]
        assert [line["epoch"] for line in lines if "epoch" in line] == [1, 2]
        assert all(0 <= line["recall_1"] <= line["recall_10"] <= 1 for line in lines if "epoch" in line)
        assert checkpoint.best(run / stage)
    assert config.read(run / config.CONFIG_FILE) == config.read(run.parent / "tiny.toml")


def test_a_run_killed_in_its_second_stage_goes_on_to_the_identical_weights(config_file: Path, run: Path) -> None:
    out, stage = config_file.parent / "killed", "composing"
    command = [sys.executable, "-W", "ignore", "-m", "training", "train", str(config_file), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 250
    while not (out / stage / checkpoint.FILE).exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    progress = torch.load(out / stage / checkpoint.FILE, weights_only=True)["progress"]
    assert 0 < progress["step"] < progress["epochs"] * progress["steps_per_epoch"]

    runs.train(config_file, out, until="composing", mapping=None)
    assert all(same(run, out, stage=name) for name in STAGES)


def test_a_run_can_stop_after_its_first_stage_and_go_on_later(config_file: Path, run: Path) -> None:
    out = config_file.parent / "half"
    runs.train(config_file, out, until="mapping", mapping=None)
    assert same(run, out, stage="mapping") and not (out / "composing").exists()
    with pytest.raises(ConfigError, match="train first"):
        runs.export(out, text_weight=None, stage="composing", out=out / "bundle")
    runs.train(config_file, out, until="composing", mapping=None)
    assert same(run, out, stage="composing")


def test_a_first_stage_is_taken_over_where_it_has_the_same_settings_and_refused_where_not(
    config_file: Path, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(config_file.parent / "cache", tmp_path / "cache")
    for change in ("[mapping.loss]\nsoft = 0.5\n", "seed = 8\n"):
        other = tmp_path / "other.toml"
        text = CONFIG.replace("seed = 7", change) if "seed" in change else CONFIG + change
        other.write_text(text)
        with pytest.raises(ConfigError, match="has other settings"):
            runs.train(other, tmp_path / f"refused{len(change)}", until="composing", mapping=run)
    other = tmp_path / "fewer.toml"
    other.write_text(CONFIG.replace("rank = 8", "rank = 4"))
    runs.train(other, tmp_path / "taken", until="composing", mapping=run)
    assert same(run, tmp_path / "taken", stage="mapping")
    assert checkpoint.best(tmp_path / "taken" / "composing")["adapters.1.down"].shape == (384, 4)
    (other := tmp_path / "same.toml").write_text(CONFIG)
    runs.train(other, tmp_path / "again", until="composing", mapping=run)
    assert same(run, tmp_path / "again", stage="composing")


def test_the_pseudo_word_alone_can_be_trained_and_finished(config_file: Path, run: Path) -> None:
    other = config_file.parent / "alone.toml"
    other.write_text(CONFIG.replace("[3, 7, 11]", "[]"))
    out = config_file.parent / "alone"
    runs.train(other, out, until="mapping", mapping=None)
    settings = config.read(other)
    assert isinstance(settings, TwoStageConfig)
    assert not settings.best(out, stage="mapping").injections


def test_an_exported_run_keeps_the_space_of_the_bundle_it_began_with(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_images, "FEWEST", 16)
    first = runs.export(run, text_weight=None, stage="mapping", out=tmp_path / "first")
    both = runs.export(run, text_weight=None, stage="composing", out=tmp_path / "both")
    shipped = Bundle.open(SHIPPED).manifest
    assert first.space_id == both.space_id == shipped.space_id
    assert len({first.model_id, both.model_id, shipped.model_id}) == 3
    assert (first.method, both.method, both.text_weight) == ("mapping", "two-stage", 0.0)
    settings = config.read(run / config.CONFIG_FILE)
    assert isinstance(settings, TwoStageConfig)
    net = settings.best(run, stage="composing")
    encoder = Encoder.open(tmp_path / "both")
    pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    words = Tokenizer.open(run / backbones.TOKENIZER, context_length=net.backbone.context_length)
    tokens = torch.from_numpy(words.encode(["is red", "$50 *"], template=Template.parse(settings.template)).ids)
    with torch.no_grad():
        expected = net.compose(net.reference(net.backbone.image_states(pixels)), tokens, slot=2)
    found = torch.from_numpy(encoder.queries(pixels.numpy(), ["is red", "$50 *"], text_weight=0.0))
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)
    for name in ("first", "both"):  # each stage saw images that it did not learn from
        known = Bundle.open(tmp_path / name).known_images
        assert known is not None and known.unlike(-known.centres) == 1 > known.unlike(known.centres) == 0


def test_random_weights_are_the_same_for_a_seed_and_others_for_another(tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((7, 7, 8)):
        text = CONFIG.replace(json.dumps(str(SHIPPED)), '""').replace("conv-minilm", "ViT-S-32-alt")
        (path := tmp_path / f"{number}.toml").write_text(text.replace("seed = 7", f"seed = {seed}"))
        settings = config.read(path)
        assert isinstance(settings, TwoStageConfig)
        backbones.write_tokenizer(settings.backbone, tmp_path / backbones.TOKENIZER)
        torch.rand(number + 1)  # whatever a process has drawn before
        drawn.append(settings.untrained(tmp_path).state_dict())
    assert {path.name for path in tmp_path.iterdir()} == {"0.toml", "1.toml", "2.toml", backbones.TOKENIZER}
    first, again, other = drawn
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    for name in ("backbone.clip.visual.proj", "learner.layers.2.weight"):
        assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("more", ["drift = 0.5", 'texts = "generated"'])
def test_batches_of_one_shop_need_texts_whose_meaning_is_known(tmp_path: Path, more: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.replace("one_shop = true", f"one_shop = true\n{more}"), encoding="utf-8")
    with pytest.raises(ConfigError, match="one_shop needs texts whose meaning is known"):
        config.read(path)


def test_a_loss_over_a_shop_needs_batches_of_one_shop(tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(CONFIG.replace("one_shop = true", ""), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"shop needs drawn triplets with composing\.data\.one_shop = true"):
        config.read(path)


def test_a_folder_with_another_config_is_refused(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("rank = 8", "rank = 4"))
    with pytest.raises(ConfigError, match="another config"):
        runs.train(other, run, until="composing", mapping=None)


def test_a_backbone_whose_vocabulary_the_tokenizer_exceeds_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "random.toml"
    other.write_text(CONFIG.replace(json.dumps(str(SHIPPED)), '""'))  # with CLIP's tokenizer, then
    with pytest.raises(ConfigError, match="vocabulary"):
        runs.train(other, tmp_path / "out", until="mapping", mapping=None)
