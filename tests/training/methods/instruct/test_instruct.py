"""A whole InstructCIR run on drawn data: trained, killed, resumed, exported, asked."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from training.bundles import known_images
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.methods import config, runs
from training.methods.instruct.instruct import InstructConfig
from training.methods.instruct.reformulating import Reformulating

CONFIG = f"""
method = "instruct"
seed = 7
[backbone]
name = "conv-minilm"
pretrained = {json.dumps(str(SHIPPED))}
[reformulating.data]
source = "drawn"
products = 64
triplets = 48
validation_products = 48
validation_triplets = 16
[reformulating.optim]
learning_rate = 1e-3
backbone = 0.1
weight_decay = 0.1
warmup_steps = 2
[reformulating.loop]
epochs = 2
batch = 16
precision = "float32"
checkpoint_steps = 1
[combining.optim]
learning_rate = 1e-1
weight_decay = 0.0
warmup_steps = 0
[combining.loop]
epochs = 1
batch = 16
precision = "float32"
"""


def settings_of(run: Path) -> InstructConfig:
    settings = config.read(run / config.CONFIG_FILE)
    assert isinstance(settings, InstructConfig)
    return settings


def test_both_phases_leave_their_weights_and_logs(run: Path) -> None:
    for stage, epochs in (("reformulating", 2), ("combining", 1)):
        lines = [json.loads(line) for line in (run / stage / loop.LOG).read_text().splitlines()]
        found = [line for line in lines if "epoch" in line]
        assert len(found) == epochs and all(0 <= line["recall_1"] <= line["recall_10"] <= 1 for line in found)
    assert checkpoint.best(run / "combining").keys() == {"logit"}
    assert found[-1]["lambda"] != pytest.approx(0.85)  # λ has learnt


def test_a_run_stopped_between_its_phases_goes_on_to_the_same_weights(config_file: Path, run: Path) -> None:
    out = config_file.parent / "half"
    runs.train(config_file, out, until="reformulating")
    assert not (out / "combining").exists()
    whole = checkpoint.best(run / "reformulating")
    assert all(torch.equal(value, whole[name]) for name, value in checkpoint.best(out / "reformulating").items())
    runs.train(config_file, out)
    assert torch.equal(checkpoint.best(run / "combining")["logit"], checkpoint.best(out / "combining")["logit"])


class Killed(Reformulating):
    """A first phase that is killed in its second epoch's second step, after the checkpoint of the first."""

    def stepped(self, done: float) -> None:
        if done > 0.8:
            raise KeyboardInterrupt
        super().stepped(done)


def test_a_run_killed_within_a_phase_goes_on_to_the_identical_weights_and_average(config_file: Path, run: Path) -> None:
    settings, out = settings_of(run), config_file.parent / "killed"
    part, folder = settings.reformulating, out / "reformulating"
    folder.mkdir(parents=True)
    settings.write_tokenizer(out)
    pair = settings.untrained(out)
    data = settings.data(settings.inputs(out, pair.online.backbone))
    world = World.alone(torch.device("cpu"))
    killed = Killed(pair=pair, data=data, loss=part.loss, momentum=part.momentum, loop=part.loop, world=world)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(killed, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)
    kept = torch.load(folder / checkpoint.FILE, weights_only=True)
    assert kept["progress"]["step"] == 4  # of six
    runs.train(config_file, out)
    whole, resumed = (checkpoint.weights(path / "reformulating") for path in (run, out))
    average = {name for name in whole if name.startswith("average.")}
    assert whole.keys() == resumed.keys() and average and any(name.startswith("online.") for name in whole)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert not all(torch.equal(whole[name], kept["net"][name]) for name in average)  # it has moved on since
    assert torch.equal(checkpoint.best(run / "combining")["logit"], checkpoint.best(out / "combining")["logit"])


@pytest.fixture(scope="module")
def bundle(run: Path) -> Path:
    """The bundle of the whole run, which describes the 48 images of its validation."""
    out = run.parent / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_images, "FEWEST", 48)
        runs.export(run, out=out)
    return out


def test_the_exported_bundle_agrees_with_the_nets_and_has_their_lambda(run: Path, bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    pair = settings_of(run).best(run, stage="combining")
    assert manifest.method == "instruct"
    assert manifest.text_weight == pytest.approx(1 - float(pair.online.combiner.weight))
    encoder = Encoder.open(bundle)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    with torch.no_grad():
        gallery = pair.target(torch.from_numpy(pixels)).numpy()
    assert np.allclose(encoder.gallery(pixels), gallery, atol=1e-4)


def test_an_exported_bundle_describes_the_images_of_the_last_phases_validation(run: Path, bundle: Path) -> None:
    known, images = Bundle.open(bundle).known_images, checkpoint.best_images(run / "combining")
    assert known is not None and images is not None
    assert images.norm(dim=1).numpy() == pytest.approx(np.ones(48), abs=2e-3)
    assert known.unlike(images.numpy()) < 0.1


def test_another_training_is_another_space_and_the_same_weights_are_the_same(
    run: Path, bundle: Path, tmp_path: Path
) -> None:
    whole = Bundle.open(bundle).manifest
    first = runs.export(run, stage="reformulating", out=tmp_path / "first")
    assert whole.space_id == first.space_id and first.text_weight == 0
    assert Bundle.open(tmp_path / "first").known_images is None  # 48 are too few
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("seed = 7", "seed = 8"))
    runs.train(other, tmp_path / "other", until="reformulating")
    assert runs.export(tmp_path / "other", stage="reformulating", out=tmp_path / "b").space_id != whole.space_id


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("[reformulating.momentum]\nstart = 0.0\n[reformulating.net]\ncheckpointed = true\n", False),
        ("[reformulating.net]\ncrossed = false\n", False),
        ("[reformulating.net]\nheads = 3\n", True),
    ],
)
def test_the_ablations_train_and_export(change: str, refused: bool, tmp_path: Path, run: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(CONFIG.replace("epochs = 2", "epochs = 1") + change)
    (tmp_path / "cache").symlink_to(run.parent / "cache")
    if refused:
        with pytest.raises(ConfigError, match="heads"):
            runs.train(file, tmp_path / "out")
        return
    runs.train(file, tmp_path / "out")
    runs.export(tmp_path / "out", out=tmp_path / "bundle")


def test_the_network_trains_on_human_triplets(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    pairs = [(str(one), str(other)) for one in range(8) for other in range(8) if one != other][:20]
    rows = [{"candidate": one, "target": other, "captions": ["in red", "is long"]} for one, other in pairs]
    (tmp_path / "captions.json").write_text(json.dumps(rows))
    drawn = CONFIG[CONFIG.index('source = "drawn"') : CONFIG.index("[reformulating.optim]")]
    files = f"captions = {json.dumps(str(tmp_path / 'captions.json'))}\nimages = {json.dumps(str(tmp_path))}"
    whole = CONFIG.replace(drawn, f'source = "fashioniq"\n{files}\norder = "both"\nvalidation = 4\n')
    file = tmp_path / "human.toml"
    file.write_text(whole.replace("epochs = 2", "epochs = 1").replace("checkpoint_steps = 1", "checkpoint_steps = 100"))
    runs.train(file, tmp_path / "out", until="reformulating")
    lines = [json.loads(line) for line in (tmp_path / "out" / "reformulating" / loop.LOG).read_text().splitlines()]
    trained = 2 * (20 - 2)  # both orders of a pair are held out together
    assert max(line["step"] for line in lines) == trained // 16
    assert all(0 <= line["recall_1"] <= 1 for line in lines if "epoch" in line)


def test_captions_that_the_triplets_lack_are_asked_for(tmp_path: Path, run: Path) -> None:
    picture = run.parent / "pixel.png"
    Image.new("RGB", (4, 4)).save(picture)
    rows = [{"reference": "pixel.png", "text": f"in red {number}", "target": "pixel.png"} for number in range(20)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    drawn = CONFIG[CONFIG.index('source = "drawn"') : CONFIG.index("[reformulating.optim]")]
    files = f"file = {json.dumps(str(tmp_path / 't.jsonl'))}\nimages = {json.dumps(str(picture.parent))}"
    file = tmp_path / "files.toml"
    whole = CONFIG.replace(drawn, f'source = "jsonl"\n{files}\nvalidation = 2\n')
    file.write_text(whole + "[reformulating.loss]\ncaptions = 0.1\n")
    with pytest.raises(ConfigError, match="needs captions of the targets, and 20 of 20 triplets have none"):
        runs.train(file, tmp_path / "out")


def test_a_stage_of_another_method_and_a_mapping_to_take_over_are_refused(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no stage 'mapping': name reformulating or combining"):
        runs.train(config_file, tmp_path / "out", until="mapping")
    with pytest.raises(ConfigError, match="leave out --mapping"):
        runs.train(config_file, tmp_path / "out", mapping=tmp_path)
    assert not (tmp_path / "out").exists()
