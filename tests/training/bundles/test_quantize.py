"""Bundles in 8 bits: exact against a plain computation, near the original, the same beside any other image."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from models import bundle
from models.bundle import SHIPPED, TOLERANCES, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from models.runtime.session import OnnxSession
from training import __main__
from training.bundles.quantize import Quantized, quantize
from training.bundles.quantized_graph import SMALLEST
from training.evaluation import precision_loss
from training.evaluation.precision_loss import DrawnValidation, RecallLost

TEXTS = ["in red", "with long sleeves and no belt", "$50", "a very long wish " * 40]


@pytest.fixture(scope="module")
def quantized() -> Quantized:
    return quantize(Bundle.open(SHIPPED))


@pytest.fixture(scope="module")
def in_8_bits(quantized: Quantized, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("quantized") / "bundle"
    bundle.write(folder, quantized.files, quantized.manifest)
    return Encoder.open(folder)


@pytest.fixture(scope="module")
def in_float32() -> Encoder:
    return Encoder.open(SHIPPED)


@pytest.fixture(scope="module")
def pixels(in_float32: Encoder) -> NDArray[np.uint8]:
    """Pixels (3, 3, S, S) of drawn and of random images."""
    size = in_float32.manifest.image_size
    shown = [in_float32.preprocess(Path(f"docs/sample/{name}.jpg").read_bytes()) for name in ("red-skirt", "red-mug")]
    random = np.random.Generator(np.random.PCG64(0))
    return np.stack([*shown, random.integers(0, 256, (3, size, size), dtype=np.uint8)])


def large_matrices(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """Names of constants of SMALLEST numbers or more → the operators that read them, through what turns them back."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Mul") and all(name in sizes for name in node.input):
            sizes[node.output[0]] = sizes[node.input[0]]
    large = {name for name, size in sizes.items() if size >= SMALLEST}
    return {name: [node.op_type for node in graph.node if name in node.input] for name in large}


def test_every_large_product_is_in_8_bits_but_the_adapters(quantized: Quantized, in_8_bits: Encoder) -> None:
    whole = 0
    for name in ("gallery", "reference", "compose", "text"):
        graph = onnx.load(str(in_8_bits.path / f"{name}.onnx"), load_external_data=False).graph
        for matrix, readers in large_matrices(graph).items():
            if {"MatMul", "Gemm"}.intersection(readers):
                assert "adapters." in matrix, matrix
        whole += sum(node.op_type in ("MatMulIntegerToFloat", "MatMulNBits") for node in graph.node)
    layers = [layer for layer in quantized.layers if layer.in_8_bits]
    assert len(layers) == whole and {layer.operator for layer in layers} == {"MatMulIntegerToFloat", "MatMulNBits"}
    kept = [layer for layer in quantized.layers if layer.is_float_product]
    assert len(kept) == 6 and all("adapters." in layer.name for layer in kept)
    assert 0 < quantized.share < 1


def test_embeddings_stay_near_and_do_not_depend_on_the_batch(
    in_8_bits: Encoder, in_float32: Encoder, pixels: NDArray[np.uint8]
) -> None:
    changes = TEXTS[: len(pixels)]
    for ask in (
        lambda encoder, rows: encoder.gallery(pixels[rows]),
        lambda encoder, rows: encoder.queries(pixels[rows], changes[rows], text_weight=0.0),
        lambda encoder, rows: encoder.texts(TEXTS[rows]),
    ):
        every = slice(0, 3)
        vectors, expected = ask(in_8_bits, every), ask(in_float32, every)
        assert (vectors * expected).sum(axis=1).min() > 0.999
        alone = np.concatenate([ask(in_8_bits, slice(row, row + 1)) for row in range(3)])
        np.testing.assert_allclose(alone, vectors, atol=2e-5)
    assert not np.allclose(in_8_bits.gallery(pixels), in_float32.gallery(pixels), atol=1e-6)


def test_manifest_has_precision_tolerance_and_ids_of_its_own(quantized: Quantized) -> None:
    first, manifest = Bundle.open(SHIPPED).manifest, quantized.manifest
    assert manifest.precision == "int8" and manifest.tolerance == TOLERANCES["int8"]
    assert manifest.space_id != first.space_id and manifest.model_id != first.model_id
    assert "parameters.json" not in quantized.files  # no other run can start from it


def test_queries_alone_keep_the_gallery_and_its_space(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    found = quantize(Bundle.open(SHIPPED), only_queries=True)
    bundle.write(tmp_path / "bundle", found.files, found.manifest)
    first, queries = Encoder.open(SHIPPED), Encoder.open(tmp_path / "bundle")
    assert queries.manifest.space_id == first.manifest.space_id
    np.testing.assert_array_equal(queries.gallery(pixels), first.gallery(pixels))
    assert not any(layer.in_8_bits for layer in found.layers if layer.graph == "gallery")
    assert any(layer.in_8_bits for layer in found.layers if layer.graph == "reference")


def product_bundle(path: Path, *, into: int, out: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Write a bundle whose graphs are y = x W and then z = y Vᵀ + b, and return W and V."""
    random = np.random.Generator(np.random.PCG64(3))
    first, second = (random.normal(0, 0.1, shape).astype(np.float32) for shape in ((into, out), (into, out)))
    bias = np.arange(into, dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], name="first"),
        helper.make_node("Gemm", ["y", "block.v", "b"], ["z"], name="second", transB=1),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", into]) for name in "xz"]
    tensors = [numpy_helper.from_array(value, name) for name, value in zip("wb", (first, bias), strict=True)]
    tensors.append(numpy_helper.from_array(second, "block.v"))
    external_data_helper.set_external_data(tensors[1], bundle.WEIGHTS, offset=64, length=bias.nbytes)
    tensors[1].ClearField("raw_data")
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], tensors)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    files = {f"{name}.onnx": content for name in bundle.QUERY_WHOLE} | {bundle.WEIGHTS: b"\0" * 64 + bias.tobytes()}
    bundle.write(path, files, Bundle.open(SHIPPED).manifest)
    return first, second


def rounded_product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Multiply by loops, each row and each column rounded to −127…127 by its own largest value."""
    out = np.zeros((len(rows), matrix.shape[1]))
    for number, row in enumerate(rows):
        row_scale = np.abs(row).max() / 127 or 1.0
        for column in range(matrix.shape[1]):
            scale = np.abs(matrix[:, column]).max() / 127
            whole = np.rint(row / row_scale).astype(int) @ np.rint(matrix[:, column] / scale).astype(int)
            out[number, column] = whole * row_scale * scale
    return out


def test_products_are_those_of_a_plain_computation(tmp_path: Path) -> None:
    first, second = product_bundle(tmp_path / "float", into=24, out=40)
    found = quantize(Bundle.open(tmp_path / "float"), smallest=24 * 40)
    assert [layer.name for layer in found.layers] == ["first", "block.v"] * 3 and found.share == 1.0
    bundle.write(tmp_path / "int8", found.files, found.manifest)
    rows = np.random.Generator(np.random.PCG64(4)).normal(0, 1, (5, 24)).astype(np.float32)
    rows[1] *= 1_000  # beside which the others would be rounded to nothing by one scale for all
    rows[2] = 0
    session = OnnxSession(tmp_path / "int8" / "gallery.onnx", threads=1)
    middle = rounded_product(rows, first).astype(np.float32)
    expected = rounded_product(middle, second.T) + np.arange(24)
    np.testing.assert_allclose(session.run({"x": rows})["z"], expected, rtol=2e-3, atol=5e-2)
    np.testing.assert_allclose(session.run({"x": rows[:1]})["z"], session.run({"x": rows})["z"][:1], atol=1e-6)


def test_nothing_left_to_change_and_broken_patterns_are_refused(tmp_path: Path) -> None:
    opened = Bundle.open(SHIPPED)
    with pytest.raises(ConfigError):
        quantize(opened, keep=[""])
    with pytest.raises(ConfigError):
        quantize(opened, keep=["("])
    found = quantize(opened, keep=["^gallery/"])
    assert not any(layer.in_8_bits for layer in found.layers if layer.graph == "gallery")


def test_loss_is_paired_and_refused_beyond_the_allowed(in_8_bits: Encoder, in_float32: Encoder, tmp_path: Path) -> None:
    validation = DrawnValidation(products=120, queries=40, seed=7, cache=tmp_path)
    before, after = (validation.measure(encoder, date="") for encoder in (in_float32, in_8_bits))
    found = precision_loss.losses(before, after)
    own = {loss.metric: loss for loss in found if loss.way == "two-stage"}
    assert own.keys() == {"R@1", "R@5", "R@10", "R@50", "mAP@10"}
    first, second = (np.array([min(ranks) == 1 for ranks in r.answers["two-stage"].ranks]) for r in (before, after))
    assert own["R@1"].lost.value == pytest.approx(first.mean() - second.mean())
    assert own["R@1"].lost.low <= own["R@1"].lost.value <= own["R@1"].lost.high
    precision_loss.check(found, allowed=1.0)
    swapped = precision_loss.losses(before, before)
    precision_loss.check(swapped, allowed=0.0)
    with pytest.raises(RecallLost):
        precision_loss.check(found, allowed=-1.0)


def test_command_writes_the_bundle_or_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--products", "120", "--queries", "40", "--cache", str(tmp_path / "cache")]
    command = ["quantize", str(SHIPPED), "--out", str(tmp_path / "out"), *small]
    assert __main__.main([*command, "--allow-loss", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["precision"] == "int8" and {"R@1", "mAP@10"} <= {loss["metric"] for loss in shown["losses"]}
    assert Encoder.open(tmp_path / "out").manifest.precision == "int8"
    assert __main__.main([*command[:3], str(tmp_path / "other"), "--keep", "", *small]) == 2
    assert not (tmp_path / "other").exists() and capsys.readouterr().err.startswith("likebut: no product")
    assert __main__.main([*command, "--data", str(tmp_path)]) == 2
