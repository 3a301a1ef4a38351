"""A whole TransAgg run on drawn data: trained, killed, resumed, exported, asked; and on files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from training.data.config import DrawnTriplets
from training.data.sources import triplets
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods import config, runs
from training.methods.frozen_clip import HeadStage
from training.methods.transagg import TransAggConfig

DRAWN = """
source = "drawn"
products = 64
triplets = 48
validation_products = 48
validation_triplets = 16
"""
CONFIG = f"""
method = "transagg"
seed = 7
[backbone]
name = "conv-minilm"
pretrained = {json.dumps(str(SHIPPED))}
[aggregating.data]
{DRAWN}
[aggregating.optim]
learning_rate = 1e-3
weight_decay = 0.05
warmup_steps = 2
[aggregating.loop]
epochs = 2
batch = 16
precision = "float32"
checkpoint_steps = 1
"""


def settings_of(run: Path) -> TransAggConfig:
    settings = config.read(run / config.CONFIG_FILE)
    assert isinstance(settings, TransAggConfig)
    return settings


def begun(run: Path, out: Path) -> Path:
    """The folder of another run on the same CLIP, which need not be looked up in its bundle again."""
    out.mkdir()
    for name in (backbones.BUNDLE_WEIGHTS, backbones.TOKENIZER):
        shutil.copyfile(run / name, out / name)
    return out


def test_a_run_leaves_the_heads_weights_alone_and_its_log(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "aggregating" / loop.LOG).read_text().splitlines()]
    found = [line for line in lines if "epoch" in line]
    assert len(found) == 2 and all(0 <= line["recall_1"] <= line["recall_10"] <= 1 for line in found)
    trained = checkpoint.best(run / "aggregating")
    assert {name.split(".")[0] for name in trained} == {"fusion", "separator", "fuse", "weigh"}
    begun = settings_of(run).untrained(run).state_dict()
    assert all(not torch.equal(value, begun[name]) for name, value in trained.items())


class Killed(HeadStage):
    """A stage that is killed in its second epoch, after the first one's validation."""

    def stepped(self, done: float) -> None:
        if done > 0.6:
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_identical_weights(config_file: Path, run: Path) -> None:
    settings, out = settings_of(run), begun(run, config_file.parent / "killed")
    part, folder = settings.aggregating, out / "aggregating"
    folder.mkdir()
    settings.write_tokenizer(out)
    net = settings.untrained(out)
    assert isinstance(part.data, DrawnTriplets)
    data = triplets.drawn_states(part.data, settings.inputs(out, net.backbone))
    world = World.alone(torch.device("cpu"))
    killed = Killed(part, net=net, see=settings.see, data=data, world=world)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(killed, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)
    with pytest.raises(ConfigError, match="train it to its end"):
        settings.finished(out, stage="aggregating")
    runs.train(config_file, out)
    whole, resumed = (checkpoint.weights(path / "aggregating") for path in (run, out))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_the_exported_bundle_agrees_with_the_net_and_keeps_the_space_of_its_clip(run: Path, tmp_path: Path) -> None:
    manifest = runs.export(run, out=tmp_path / "bundle")
    assert (manifest.method, manifest.text_weight) == ("transagg", 0)
    assert manifest.space_id == Bundle.open(SHIPPED).manifest.space_id
    encoder, net = Encoder.open(tmp_path / "bundle"), settings_of(run).best(run)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    changes = encoder.changes(["in red", "with long sleeves"])
    with torch.no_grad():
        states = net.backbone.image_states(torch.from_numpy(pixels))
        wanted = net.compose(states, torch.from_numpy(changes.tokens.ids)).numpy()
        gallery = net.backbone.image(torch.from_numpy(pixels)).numpy()
    assert np.allclose(encoder.compose(pixels, changes, text_weight=0.0), wanted, atol=1e-4)
    assert np.allclose(encoder.gallery(pixels), gallery, atol=1e-4)
    assert not np.allclose(wanted, gallery, atol=1e-2)


def test_triplets_of_files_train_it_too(tmp_path: Path, run: Path) -> None:
    images, draw = tmp_path / "images", np.random.default_rng(3)
    images.mkdir()
    for number in range(12):
        Image.fromarray(draw.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(images / f"{number}.png")
    rows = [{"reference": f"{n}.png", "text": "in red", "target": f"{(n + 1) % 12}.png"} for n in range(12)]
    (tmp_path / "triplets.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    files = f'source = "jsonl"\nfile = {json.dumps(str(tmp_path / "triplets.jsonl"))}\nvalidation = 4\n'
    file = tmp_path / "files.toml"
    file.write_text(CONFIG.replace(DRAWN, files).replace("batch = 16", "batch = 4"))
    out = begun(run, tmp_path / "out")
    runs.train(file, out)
    trained = checkpoint.best(out / "aggregating")
    assert trained.keys() == checkpoint.best(run / "aggregating").keys()


def test_another_runs_stage_and_a_mapping_to_take_over_are_refused(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no stage 'composing': name aggregating"):
        runs.train(config_file, tmp_path / "out", until="composing")
    with pytest.raises(ConfigError, match="leave out --mapping"):
        runs.train(config_file, tmp_path / "out", mapping=tmp_path)
    assert not (tmp_path / "out").exists()
