"""WeightFacts of open_clip's models: read from where they are written, and refused if they are written nowhere."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.model import QuickGELU

from models.errors import ConfigError
from models.nets import open_clip_models
from models.nets.open_clip_models import WeightFacts

NAME = "ViT-S-32-alt"  # the smallest that open_clip has, without any tag
SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def folder(path: Path, preprocessing: dict[str, object], **config: object) -> str:
    """Write a model with random weights as open_clip's push_to_hf_hub does, and return its name."""
    path.mkdir()
    whole = {"model_cfg": {**SMALL, **config}, "preprocess_cfg": preprocessing}
    (path / "open_clip_config.json").write_text(json.dumps(whole))
    torch.save(open_clip.CLIP(**whole["model_cfg"]).state_dict(), path / "open_clip_pytorch_model.bin")
    return f"local-dir:{path}"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "clip.pt"
    torch.save({}, path)
    return str(path)


def test_a_tag_says_all_of_its_weights() -> None:
    found = open_clip_models.describe("ViT-H-14", pretrained="dfn5b", stated=WeightFacts())
    assert (found.name, found.quick_gelu) == ("ViT-H-14-quickgelu", True)
    clipa = open_clip_models.describe("ViT-L-14-CLIPA", pretrained="datacomp1b", stated=WeightFacts())
    assert (clipa.mode, clipa.filter, clipa.std) == ("squash", "bilinear", open_clip.constants.IMAGENET_STD)
    assert open_clip_models.describe("ViT-L-14", pretrained="laion2b_s32b_b82k", stated=WeightFacts()).mean == (
        0.5,
        0.5,
        0.5,
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ViT-B-32", ["--quick-gelu"]),
        ("ViT-L-14", ["--mean", "--std", "--quick-gelu"]),
        (NAME, ["--mean", "--std", "--resize", "--interpolation", "--quick-gelu"]),
    ],
)
def test_a_file_without_facts_is_refused_with_the_options_that_name_them(
    name: str, options: list[str], file: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_clip_models.describe(name, pretrained=file, stated=WeightFacts())
    every = ["--mean", "--std", "--resize", "--interpolation", "--quick-gelu"]
    assert [option for option in every if option in str(caught.value)] == options


def test_the_facts_of_a_file_are_those_stated_those_of_a_tag_or_those_that_all_tags_share(file: str) -> None:
    stated = WeightFacts(quick_gelu=False)
    assert open_clip_models.describe("ViT-B-32", pretrained=file, stated=stated).filter == "bicubic"
    found = open_clip_models.describe("ViT-L-14", pretrained=file, stated=WeightFacts(filter="bilinear"), like="openai")
    assert (found.name, found.filter) == ("ViT-L-14-quickgelu", "bilinear")
    assert open_clip_models.describe("ViT-B-16-SigLIP", pretrained=file, stated=WeightFacts()).mode == "squash"
    with pytest.raises(ConfigError, match="is no tag"):
        open_clip_models.describe("ViT-L-14", pretrained=file, stated=WeightFacts(), like="of-my-dreams")
    with pytest.raises(ConfigError, match="leave out --no-quick-gelu"):
        open_clip_models.describe("ViT-L-14-quickgelu", pretrained=file, stated=WeightFacts(quick_gelu=False))


def test_a_folder_says_all_of_its_weights(tmp_path: Path) -> None:
    noted = {
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "resize_mode": "longest",
        "fill_color": 9,
        "interpolation": "bilinear",
    }
    found = open_clip_models.describe(
        folder(tmp_path / "clip", noted, quick_gelu=True), pretrained="", stated=WeightFacts()
    )
    assert (found.mean, found.std, found.mode, found.fill) == ((0.5,) * 3, (0.25,) * 3, "pad", 9)
    assert found.filter == "bilinear" and found.context_length == 20
    assert any(isinstance(module, QuickGELU) for module in found.load().modules())


def test_a_folder_that_lacks_something_is_refused(tmp_path: Path) -> None:
    silent = folder(tmp_path / "silent", {})
    with pytest.raises(ConfigError, match=r"--mean, --std, or"):
        open_clip_models.describe(silent, pretrained="", stated=WeightFacts())
    stated = WeightFacts(mean=(0.5,) * 3, std=(0.5,) * 3)
    assert open_clip_models.describe(silent, pretrained="", stated=stated).mode == "crop"
    (tmp_path / "silent" / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match="do not load"):
        open_clip_models.describe(silent, pretrained="", stated=stated).load()
    with pytest.raises(ConfigError, match=r"open_clip_config\.json"):
        open_clip_models.describe(f"local-dir:{tmp_path}", pretrained="", stated=WeightFacts())
    with pytest.raises(ConfigError, match="leave out"):
        open_clip_models.describe(silent, pretrained="openai", stated=WeightFacts())
