"""The wrapped open_clip model: its own outputs, its own preprocessing, its own refusals."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image, ImageFilter

from models.errors import ConfigError
from models.nets.backbone import Backbone, is_causal
from models.nets.open_clip_models import OWN_CONFIGS
from models.preprocess import Resize, pixels
from tests.models import tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    open_clip.add_model_config(OWN_CONFIGS)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "clip.pt"
    torch.save(open_clip.create_model("clip-small", load_weights=False).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def backbone(weights: Path) -> Backbone:
    return Backbone.create("clip-small", pretrained=str(weights), end=2047).eval()


@torch.inference_mode()
def test_its_embeddings_are_open_clips_own(backbone: Backbone, weights: Path) -> None:
    theirs = open_clip.create_model("clip-small", pretrained=str(weights)).eval()
    random = np.random.Generator(np.random.PCG64(1))
    image = Image.fromarray(random.integers(0, 256, (120, 150, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(2))
    transform = image_transform(
        96, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD
    )
    expected = theirs.encode_image(transform(image)[None], normalize=True)
    ours = backbone.image(torch.from_numpy(pixels(image, Resize(96)))[None])
    torch.testing.assert_close(ours, expected, atol=5e-3, rtol=0)  # a rounded pixel here and there

    tokens = torch.randint(1, 2000, (3, 40), generator=torch.Generator().manual_seed(0))
    tokens[:, 11], tokens[:, 12:] = 2047, 0
    expected = theirs.encode_text(tokens, normalize=True)
    torch.testing.assert_close(backbone.text(tokens), expected)
    torch.testing.assert_close(backbone.text(tokens[:, :12]), expected)  # what stands after the end is never read


def test_the_first_end_token_ends_the_text(backbone: Backbone) -> None:
    tokens = torch.tensor([[2046, 5, 2047, 0, 0], [2046, 5, 2047, 9, 2047]])
    torch.testing.assert_close(backbone.text(tokens)[0], backbone.text(tokens)[1])


@torch.inference_mode()
@pytest.mark.parametrize("bias", [False, True])
def test_a_text_tower_of_its_own_is_read_as_clips_is(bias: bool) -> None:
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
    text = {"context_length": 20, "vocab_size": 99, "width": 16, "heads": 2, "layers": 2, "proj_bias": bias}
    clip = open_clip.CustomTextCLIP(24, vision, text).eval()
    net = Backbone(clip, mean=(0.5,) * 3, std=(0.5,) * 3, end=98)
    tokens = torch.randint(1, 98, (3, 20), generator=torch.Generator().manual_seed(0))
    tokens[:, 11], tokens[:, 12:] = 98, 0
    torch.testing.assert_close(net.text(tokens[:, :13]), clip.encode_text(tokens, normalize=True))
    assert is_causal(clip) and (net.dimension, net.text_width, len(net.text_blocks)) == (24, 16, 2)
    for other in ({"no_causal_mask": True}, {"pool_type": "last"}, {"embed_cls": True}):
        assert not is_causal(open_clip.CustomTextCLIP(24, vision, {**text, **other}))


@pytest.mark.parametrize(
    ("name", "pretrained", "said"),
    [
        ("ViT-Z-99", "", "no model"),
        ("ViT-B-32", "openai", "quickgelu"),
        ("ViT-B-32", "laion400m_e32", "quickgelu"),
        ("ViT-H-14-quickgelu", "dfn5b", "another preprocessing"),
        ("ViT-B-32", "of-my-dreams", "neither a file nor a tag"),
        ("RN50", "", "ViT image tower"),
        ("ViT-L-14-worldwide", "", "mt5-base"),
    ],
)
def test_what_open_clip_does_not_know_is_refused(name: str, pretrained: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Backbone.create(name, pretrained=pretrained, end=49407)


def test_weights_of_another_model_are_refused(weights: Path) -> None:
    with pytest.raises(ConfigError, match="do not load"):
        Backbone.create("ViT-B-32", pretrained=str(weights), like="laion2b_s34b_b79k", end=49407)


def test_a_tower_that_reads_its_embedding_elsewhere_is_refused() -> None:
    backbone = tiny.backbone(end=2)
    backbone.clip.visual.pool_type = "avg"
    with pytest.raises(ConfigError, match="class token"):
        backbone.image_states(torch.zeros(1, 3, tiny.SIZE, tiny.SIZE, dtype=torch.uint8))


def test_ends_are_those_of_an_argmax_also_without_an_end(backbone: Backbone) -> None:
    tokens = torch.randint(2040, 2048, (200, 40), generator=torch.Generator().manual_seed(3))  # 2047 ends a text
    tokens[:3] = 7
    expected = [next((at for at, token in enumerate(row) if token == 2047), 0) for row in tokens.tolist()]
    assert backbone.ends(tokens).tolist() == expected
