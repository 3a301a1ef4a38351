"""Whole runs of the baselines on drawn data: trained, killed, resumed, exported, asked."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from models.nets.pseudo_word import column
from models.nets.slerp import slerp as along
from training.bundles import known_images
from training.catalogue.world import sample
from training.data.drawn import images
from training.engine import backbones, checkpoint
from training.methods import config, runs
from training.methods.clip4cir import Clip4CirConfig
from training.methods.frozen_clip import HeadStage
from training.methods.pseudo_words.lincir import LinCirConfig
from training.methods.pseudo_words.pic2word import Pic2WordConfig
from training.methods.pseudo_words.searle import SearleConfig
from training.methods.pseudo_words.stage import PseudoWordStage
from training.methods.slerp import SlerpConfig

CLIP = f"""
seed = 7
[backbone]
name = "conv-minilm"
pretrained = {json.dumps(str(SHIPPED))}
"""
STEPS = """
[{stage}.optim]
learning_rate = 1e-3
weight_decay = 0.05
warmup_steps = 2
[{stage}.loop]
epochs = 2
batch = 16
precision = "float32"
checkpoint_steps = 1
"""
PICTURES = """
source = "drawn"
products = 48
validation_products = 32
"""
TRIPLETS = """
source = "drawn"
products = 64
triplets = 48
validation_products = 48
validation_triplets = 16
"""
TEMPLATE = '\ntemplate = "a * that {text}"'
CONFIGS = {
    "slerp": 'method = "slerp"' + CLIP,
    "pic2word": 'method = "pic2word"' + TEMPLATE + CLIP + "[naming.data]" + PICTURES + STEPS.format(stage="naming"),
    "lincir": 'method = "lincir"' + TEMPLATE + CLIP + "[masking.data]" + PICTURES + STEPS.format(stage="masking"),
    "searle": 'method = "searle"' + TEMPLATE + CLIP + """
[phrases]
concepts = ["dress", "mug", "hat"]
phrases = ["a * in red", "a striped *"]
nearest = 2
[inverting]
pictures = 48
sentences = ["a *", "show me a *"]
steps = 5
[inverting.data]""" + PICTURES + STEPS.format(stage="distilling"),
    "clip4cir": 'method = "clip4cir"' + CLIP + "[combiner.data]" + TRIPLETS + STEPS.format(stage="combiner"),
}  # fmt: skip
LAST = {"pic2word": "naming", "lincir": "masking", "searle": "distilling", "clip4cir": "combiner"}
WORDS = ("pic2word", "lincir", "searle")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Path, Path]]:
    """`begun(method, name)`: a config file and the folder of a run, its CLIP there already."""
    folder = tmp_path_factory.mktemp("runs")
    clip = folder / "clip"
    (folder / "slerp.toml").write_text(CONFIGS["slerp"])
    runs.train(folder / "slerp.toml", clip)

    def begin(method: str, name: str) -> tuple[Path, Path]:
        (file := folder / f"{method}.toml").write_text(CONFIGS[method])
        if not (out := folder / name).exists():
            out.mkdir()
            for kept in (backbones.BUNDLE_WEIGHTS, backbones.TOKENIZER):
                shutil.copyfile(clip / kept, out / kept)
        return file, out

    return begin


@pytest.fixture(scope="module")
def run(begun: Callable[[str, str], tuple[Path, Path]]) -> Callable[[str], Path]:
    """`run(method)`: the folder of the method's whole run."""

    def whole(method: str) -> Path:
        file, out = begun(method, method)
        runs.train(file, out)  # goes on, or is there already
        return out

    return whole


@pytest.mark.parametrize("method", LAST)
def test_a_killed_run_goes_on_to_the_identical_weights(
    method: str,
    begun: Callable[[str, str], tuple[Path, Path]],
    run: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = run(method)
    file, out = begun(method, f"{method}-killed")

    def stepped(self: object, done: float) -> None:
        if done > 0.6:  # in the second epoch, after the first one's validation
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        for stage in (PseudoWordStage, HeadStage):
            patch.setattr(stage, "stepped", stepped)
        with pytest.raises(KeyboardInterrupt):
            runs.train(file, out)
    with pytest.raises(ConfigError, match="train it to its end"):
        runs.export(out, out=out / "bundle")
    runs.train(file, out)
    one, other = (checkpoint.weights(path / LAST[method]) for path in (whole, out))
    assert one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def asked(method: str, folder: Path, pixels: Tensor, tokens: Tensor) -> Tensor:
    """What the run's net in torch makes of pictures and texts."""
    settings = config.read(folder / config.CONFIG_FILE)
    match settings:
        case SlerpConfig():
            backbone = settings.best(folder)
            return along(backbone.image(pixels), backbone.text(tokens), share=0.8)
        case Clip4CirConfig():
            combiner = settings.best(folder)
            return combiner.compose(combiner.backbone.image_states(pixels)[:, 0], tokens)
        case Pic2WordConfig() | SearleConfig() | LinCirConfig():
            net = settings.best(folder)
            word = net.word(net.backbone.image_states(pixels)[:, 0])
            return net.compose(word, tokens, places=column(2, tokens.shape[1], device=tokens.device))
        case _:
            raise AssertionError(method)


@pytest.mark.parametrize("method", CONFIGS)
@torch.no_grad()
def test_the_exported_bundle_agrees_with_torch_and_keeps_the_space_of_its_clip(
    method: str, run: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_images, "FEWEST", 16)
    folder = run(method) if method in LAST else run("slerp")
    manifest = runs.export(folder, out=tmp_path / "bundle")
    opened = Bundle.open(tmp_path / "bundle")
    assert (manifest.method, manifest.text_weight) == (method, 0)
    assert manifest.space_id == Bundle.open(SHIPPED).manifest.space_id
    split = ("gallery", "text", "compose") if method == "slerp" else ("gallery", "reference", "compose", "text")
    assert opened.graphs == split  # a picture's work is done once
    assert manifest.slot == (2 if method in WORDS else None)
    encoder = Encoder.open(tmp_path / "bundle")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    changes = encoder.changes(["in red", "$50 * with long sleeves"])
    found = encoder.compose(pixels, changes, text_weight=0.0)
    wanted = asked(method, folder, torch.from_numpy(pixels), torch.from_numpy(changes.tokens.ids))
    assert np.allclose(found, wanted.numpy(), atol=1e-4)
    assert not np.allclose(found, encoder.gallery(pixels), atol=1e-2)
    assert np.allclose(encoder.compose(pixels, changes, text_weight=1.0), encoder.texts(changes.texts), atol=1e-5)
    assert encoder.reference_cache is not None and encoder.reference_cache.hits == 2
    if method == "slerp":  # it holds no tower twice
        assert (tmp_path / "bundle" / "compose.onnx").stat().st_size < 20_000
    known = opened.known_images
    assert (known is None) == (method == "slerp")  # which trains nothing
    if known is not None:
        drawn = sample.catalogue(60, split="val", seed=3)
        resize = encoder.manifest.resize
        shop = np.stack([images.product_pixels(product, resize=resize) for product in drawn])
        assert known.unlike(encoder.gallery(shop)) < 0.3 < 0.9 < known.unlike(-encoder.gallery(shop))
    if method in WORDS:
        assert encoder.sentence == "a *" and encoder.sentences(pixels).shape == (2, 256)


def test_searles_first_stage_can_be_ended_with_and_gone_on_from_but_not_exported(
    begun: Callable[[str, str], tuple[Path, Path]], run: Callable[[str], Path]
) -> None:
    file, out = begun("searle", "half")
    runs.train(file, out, until="inverting")
    assert not (out / "distilling").exists()
    with pytest.raises(ConfigError, match="leave out --stage inverting"):
        runs.export(out, stage="inverting", out=out / "bundle")
    runs.train(file, out)
    one, other = (checkpoint.weights(path / "distilling") for path in (run("searle"), out))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def shards(folder: Path) -> Iterator[str]:
    """A table of twelve captioned pictures, as its lines."""
    from PIL import Image

    draw = np.random.default_rng(3)
    for number in range(12):
        Image.fromarray(draw.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        yield json.dumps({"image": f"{number}.png", "caption": f"a dress in red number {number}"})


@pytest.mark.parametrize("method", ["pic2word", "lincir", "searle"])
def test_captioned_pictures_of_files_train_them_too(
    method: str, begun: Callable[[str, str], tuple[Path, Path]], tmp_path: Path
) -> None:
    table = tmp_path / "captions.jsonl"
    table.write_text("\n".join(shards(tmp_path)))
    files = f'\nsource = "table"\ntable = {json.dumps(str(table))}\nvalidation = 4\n'
    _, out = begun(method, f"{method}-files")
    text = CONFIGS[method].replace(PICTURES, files).replace("batch = 16", "batch = 4")
    (file := tmp_path / "files.toml").write_text(text.replace("pictures = 48", "pictures = 8"))
    runs.train(file, out)
    assert {name.split(".")[0] for name in checkpoint.best(out / LAST[method])} == {"mapper"}
