"""A compact sentence encoder's products in 8 bits: near torch's, and the same beside any other text."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models.bundle import TOLERANCES, Bundle
from models.encoder import Encoder
from models.nets.backbone import Backbone
from tests.models import tiny
from training.bundles.onnx_graph import ORT_DOMAIN
from training.bundles.parameter_map import backbone_weights
from training.methods.weighted_sum import weighted_sum_model

TEXTS = ["in red", "with long sleeves and no belt", "$50", "a very long wish " * 40]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    torch.manual_seed(2)
    tokens = tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")
    net = Backbone.create("conv-minilm", pretrained="", end=tokens.end).eval()
    with torch.no_grad():
        net.clip.token_embedding.codes.random_(-127, 128)
    return net


@pytest.fixture(scope="module")
def compact(net: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle; the net's weights are rounded as it is written."""
    folder = tmp_path_factory.mktemp("compact")
    tiny.tokenizer(folder / "tokenizer.json")
    model = weighted_sum_model(net, name="conv-minilm", tokenizer_file=folder / "tokenizer.json")
    model.export(folder / "bundle", config="", compact=True)
    return folder / "bundle"


def test_every_matrix_of_the_blocks_multiplies_in_8_bits(net: Backbone, compact: Path) -> None:
    graph = onnx.load(Bundle.open(compact).file("text.onnx"), load_external_data=False).graph
    count = sum(node.domain == ORT_DOMAIN for node in graph.node)
    assert count == 4 * len(net.clip.transformer.resblocks)
    manifest = Bundle.open(compact).manifest
    assert manifest.precision == "int8" and manifest.tolerance == TOLERANCES["int8"]


def test_texts_are_near_those_of_torch_and_do_not_depend_on_the_texts_beside_them(net: Backbone, compact: Path) -> None:
    encoder = Encoder.open(compact)
    vectors = encoder.texts(TEXTS)
    with torch.no_grad():
        expected = net.text(torch.from_numpy(encoder.tokenize(TEXTS).ids)).numpy()
    cosines = (vectors * expected).sum(axis=1)
    assert cosines.min() > 0.998 and not np.allclose(vectors, expected, atol=1e-6)
    alone = np.concatenate([encoder.texts([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors, atol=1e-5)


def test_the_weights_come_out_of_the_bundle_as_they_were_rounded(net: Backbone, compact: Path) -> None:
    fresh = Backbone.create("conv-minilm", pretrained="", end=net.end)
    state = backbone_weights(compact, fresh)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items() if "logit" not in name)
