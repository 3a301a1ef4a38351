"""Bundles of every family of open_clip against open_clip's own pipeline: its transform, its tokenizer, its towers."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from models.encoder import Encoder
from models.nets.slerp import slerp
from tests.training.bundles import parity
from tests.training.bundles.families import FAMILIES, Family
from training.__main__ import main
from training.methods.weighted_sum import export_open_clip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bundle_gives_what_open_clips_own_pipeline_gives(family: str, tmp_path: Path) -> None:
    name = FAMILIES[family].write(tmp_path / "model")
    export_open_clip(name, pretrained="", text_weight=None, out=tmp_path / "bundle")
    clip, _, transform = open_clip.create_model_and_transforms(name, pretrained_text=False)
    files = parity.images(padded=family == "vit")
    expected = parity.expected(clip, transform, open_clip.get_tokenizer(name), files=files)
    for found, theirs in zip(parity.ours(tmp_path / "bundle", files), expected, strict=True):
        cosines = found @ theirs.T
        assert np.diag(cosines).min() >= parity.LEAST
        assert cosines.min() < 0.999  # or any vector would do


def test_a_plain_sum_has_each_tower_once_and_keeps_reference_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = Family(preprocessing={}, more={"quick_gelu": True}).write(tmp_path / "model")
    command = ["export", "--model", name, "--text-weight", "0.25", "--out", str(tmp_path / "bundle")]
    assert main(command) == 2 and "--mean, --std, or" in capsys.readouterr().err
    assert main([*command, "--mean", ".5", "--std", ".25", ".5", ".5"]) == 0
    encoder = Encoder.open(tmp_path / "bundle")
    assert {path.name for path in (tmp_path / "bundle").glob("*.onnx")} == {"gallery.onnx", "text.onnx"}
    pixels = np.stack([encoder.preprocess(parity.images()[0])] * 2)
    texts = ["in red", "in a blue that is very dark and has a pattern"]
    expected = 0.75 * encoder.gallery(pixels) + 0.25 * encoder.texts(texts)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for _ in range(2):
        np.testing.assert_allclose(encoder.queries(pixels, texts, text_weight=0.25), expected, atol=1e-6)
    use = encoder.reference_cache
    assert use is not None and (use.hits, use.misses) == (3, 1)


def test_the_arc_between_the_two_is_a_bundle_of_every_family(tmp_path: Path) -> None:
    name = FAMILIES["clipa"].write(tmp_path / "model")
    command = ["export", "--model", name, "--slerp", "0.3", "--out", str(tmp_path / "bundle")]
    assert main(command) == 0
    encoder = Encoder.open(tmp_path / "bundle")
    pixels = np.stack([encoder.preprocess(data) for data in parity.images()[:2]])
    texts = ["in red", "in a blue that is very dark and has a pattern"]
    image, text = (torch.from_numpy(vectors) for vectors in (encoder.gallery(pixels), encoder.texts(texts)))
    found = encoder.queries(pixels, texts, text_weight=encoder.manifest.text_weight)
    np.testing.assert_allclose(found, slerp(image, text, share=0.3).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "ViT-B-32"], "go together"),
        (["--model", "ViT-B-32", "--pretrained", "openai", "--mean", ".5", ".5"], "one number, or three"),
        (["run", "--quick-gelu"], "knows its weights"),
        (["--model", "ViT-B-32", "--pretrained", "pyproject.toml"], "--quick-gelu or --no-quick-gelu, or by --like"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *options, "--out", str(tmp_path / "bundle")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
