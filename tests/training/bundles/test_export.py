"""Exported bundles against torch, and a backbone's weights out of a bundle again."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models import bundle
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import BundleBroken, ConfigError
from models.nets.backbone import Backbone
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from training.bundles import parameter_map
from training.bundles.parameter_map import backbone_weights
from training.methods.weighted_sum import weighted_sum_model


@pytest.fixture(scope="module")
def tokens(split_bundle: Path) -> Tokenizer:
    return Tokenizer.open(split_bundle / "tokenizer.json", context_length=tiny.CONTEXT)


@pytest.fixture(scope="module")
def backbone(tokens: Tokenizer) -> Backbone:
    """As in the split bundle, but with biases that are all alike, which an exporter keeps only once."""
    made = tiny.backbone(end=tokens.end)
    with torch.no_grad():
        for name, parameter in made.clip.transformer.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(0.5)
    return made


@pytest.fixture(scope="module")
def exported(backbone: Backbone, split_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sum baseline of that backbone."""
    out = tmp_path_factory.mktemp("sum") / "bundle"
    model = weighted_sum_model(backbone, name="tiny", tokenizer_file=split_bundle / "tokenizer.json")
    model.export(out, config="")
    return out


@torch.no_grad()
def test_a_split_bundle_computes_what_torch_computes(split_bundle: Path, tokens: Tokenizer) -> None:
    encoder, net = Encoder.open(split_bundle), tiny.net(end=tokens.end)  # its adapters unfolded, nothing dropped
    random = np.random.Generator(np.random.PCG64(5))
    pixels = random.integers(0, 256, (4, 3, tiny.SIZE, tiny.SIZE), dtype=np.uint8)
    texts = ["in red", "$50 * {text}", "", "that is very long " * 20]
    template = Template.parse(tiny.TEMPLATE)
    slot = tokens.slot(template)
    assert slot is not None and encoder.manifest.slot == slot
    reference = net.reference(net.backbone.image_states(torch.from_numpy(pixels)))
    expected = net.compose(reference, torch.from_numpy(tokens.encode(texts, template=template).ids), slot=slot)
    np.testing.assert_allclose(encoder.queries(pixels, texts, text_weight=0.0), expected.numpy(), atol=1e-4)
    np.testing.assert_allclose(encoder.gallery(pixels), net.backbone.image(torch.from_numpy(pixels)), atol=1e-4)
    words = net.backbone.text(torch.from_numpy(tokens.encode(texts).ids))
    np.testing.assert_allclose(encoder.texts(texts), words, atol=1e-4)


def test_half_precision_halves_the_weights_and_still_computes_what_torch_computes(
    backbone: Backbone, split_bundle: Path, exported: Path, tmp_path: Path
) -> None:
    own = copy.deepcopy(backbone)
    model = weighted_sum_model(own, name="tiny", tokenizer_file=split_bundle / "tokenizer.json")
    model.export(tmp_path / "half", config="", compact=True)
    weights, whole = (folder / bundle.WEIGHTS for folder in (tmp_path / "half", exported))
    assert weights.stat().st_size < 0.6 * whole.stat().st_size
    matrix = own.clip.text_projection
    assert torch.equal(matrix, backbone.clip.text_projection.half().float())
    encoder = Encoder.open(tmp_path / "half")
    assert encoder.manifest.tolerance == parameter_map.TOLERANCE  # no product is in 8 bits
    ids = torch.from_numpy(encoder.tokenize(["in red"]).ids)
    with torch.no_grad():
        np.testing.assert_allclose(encoder.texts(["in red"]), own.text(ids), atol=1e-5)
    state = backbone_weights(tmp_path / "half", copy.deepcopy(backbone))
    assert all(torch.equal(value, own.state_dict()[name]) for name, value in state.items())


def test_no_graph_holds_an_operator_that_cuda_leaves_to_the_cpu(exported: Path, split_bundle: Path) -> None:
    for graph in (*exported.glob("*.onnx"), *split_bundle.glob("*.onnx")):
        operators = {node.op_type for node in onnx.load(graph, load_external_data=False).graph.node}
        assert "ArgMax" not in operators, graph.name  # of whole numbers, ONNX Runtime has none for CUDA


def test_short_texts_are_read_without_their_padding(exported: Path) -> None:
    encoder = Encoder.open(exported)
    short, longer = encoder.texts(["in red"]), encoder.texts(["in red", "a very long wish " * 40])[:1]
    np.testing.assert_allclose(short, longer, atol=1e-5)


def test_a_graph_too_large_for_one_buffer_is_digested_in_parts(
    backbone: Backbone, split_bundle: Path, exported: Path, tmp_path: Path
) -> None:
    model = weighted_sum_model(backbone, name="tiny", tokenizer_file=split_bundle / "tokenizer.json")
    first = model.export(tmp_path / "first", config="", largest_bytes=20_000)
    assert first == model.export(tmp_path / "second", config="", largest_bytes=20_000)
    whole = Bundle.open(exported).manifest
    assert first.files["weights.bin"] == whole.files["weights.bin"] and first.space_id != whole.space_id
    with torch.no_grad():
        backbone.clip.visual.proj[0, 0] += 1e-3
        other = model.export(tmp_path / "other", config="", largest_bytes=20_000)
        backbone.clip.visual.proj[0, 0] -= 1e-3
    assert other.space_id != first.space_id and other.model_id != first.model_id


def test_the_same_gallery_side_is_the_same_space(split_bundle: Path, exported: Path) -> None:
    split, whole = Bundle.open(split_bundle), Bundle.open(exported)
    assert split.graphs == ("gallery", "reference", "compose", "text") and whole.graphs == ("gallery", "text")
    assert split.manifest.space_id == whole.manifest.space_id  # only the text tower differs
    assert split.manifest.model_id != whole.manifest.model_id


def test_weights_are_stored_once_whatever_graphs_use_them(split_bundle: Path, tokens: Tokenizer) -> None:
    net = tiny.net(end=tokens.end)
    net.drop_dead()
    net.fold()
    values = sum(tensor.numel() for tensor in net.state_dict().values() if tensor.is_floating_point())
    assert (split_bundle / "weights.bin").stat().st_size < 1.1 * 4 * values


def test_a_backbones_weights_come_out_of_a_bundle_bit_for_bit(exported: Path, backbone: Backbone) -> None:
    fresh = tiny.backbone(end=backbone.end)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.uniform_()
    found = backbone_weights(exported, fresh)
    expected = {**backbone.state_dict(), "clip.logit_scale": fresh.clip.logit_scale}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    fresh.load_state_dict(found)


def test_a_bundle_brings_its_own_mean_and_deviation(backbone: Backbone, split_bundle: Path, tmp_path: Path) -> None:
    halves = Backbone(backbone.clip, mean=(0.5,) * 3, std=(0.5, 0.25, 0.5), end=backbone.end)
    model = weighted_sum_model(halves, name="tiny", tokenizer_file=split_bundle / "tokenizer.json")
    model.export(tmp_path / "bundle", config="")
    fresh = tiny.backbone(end=backbone.end)
    fresh.take(backbone_weights(tmp_path / "bundle", fresh))
    assert torch.equal(fresh.mean, halves.mean) and torch.equal(fresh.std, halves.std)


def test_weights_of_another_backbone_are_refused(exported: Path, backbone: Backbone) -> None:
    with pytest.raises(BundleBroken, match=f"name its own, {Bundle.open(SHIPPED).manifest.backbone}"):
        backbone_weights(SHIPPED, backbone)
    other = Backbone(backbone.clip, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0), end=backbone.end)
    with pytest.raises(BundleBroken, match="gives another gallery"):
        backbone_weights(exported, other)


def test_a_bundle_without_a_parameter_map_names_the_way_out(exported: Path, backbone: Backbone, tmp_path: Path) -> None:
    opened = Bundle.open(exported)
    files = {name: opened.file(name).read_bytes() for name in opened.manifest.files if name != parameter_map.FILE}
    bundle.write(tmp_path / "old", files, opened.manifest)
    with pytest.raises(BundleBroken, match="export it again"):
        backbone_weights(tmp_path / "old", backbone)


def test_the_weights_of_the_shipped_bundle_can_be_read() -> None:
    end = Tokenizer.open(SHIPPED / "tokenizer.json", context_length=3).end
    fresh = Backbone.create(Bundle.open(SHIPPED).manifest.backbone, pretrained="", end=end)
    fresh.load_state_dict(backbone_weights(SHIPPED, fresh))


def test_a_template_without_a_place_is_refused_before_anything_is_traced(
    backbone: Backbone, split_bundle: Path, tmp_path: Path
) -> None:
    model = weighted_sum_model(backbone, name="tiny", tokenizer_file=split_bundle / "tokenizer.json")
    with pytest.raises(ConfigError, match="after it"):
        replace(model, template="{text} of *").export(tmp_path / "bundle", config="")
    assert not list(tmp_path.iterdir())
