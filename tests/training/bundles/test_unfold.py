"""Convolutions as products in 8 bits, against loops: exact if inputs and kernels are whole numbers up to 127."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import bundle
from models.bundle import SHIPPED, Bundle
from models.errors import ConfigError
from models.runtime.session import OnnxSession
from training.bundles.quantize import quantize
from training.bundles.unfold import CHANNELS

SIDES, CHANNELS_IN = (12, 8), 3


def whole_numbers(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Whole numbers up to 127, which each first channel has everywhere: so all scales are 1."""
    found = np.random.Generator(np.random.PCG64(seed)).integers(-100, 100, shape).astype(np.float32)
    found[:, 0] = 127
    return found


def write(path: Path, weight: NDArray[np.float32], bias: NDArray[np.float32], **attributes: list[int]) -> None:
    """Write a bundle whose graphs are one convolution."""
    node = helper.make_node("Conv", ["x", "kernels.w", "b"], ["y"], "convolution")
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", CHANNELS_IN, *SIDES])
    (high, wide), (top, left, bottom, right) = attributes["kernel_shape"], attributes["pads"]
    down, across = attributes["strides"]
    grid = (SIDES[0] + top + bottom - high) // down + 1, (SIDES[1] + left + right - wide) // across + 1
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", len(weight), *grid])
    tensors = [numpy_helper.from_array(weight, "kernels.w"), numpy_helper.from_array(bias, "b")]
    graph = helper.make_graph([node], "one", [x], [y], tensors)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    files = {f"{name}.onnx": content for name in bundle.QUERY_WHOLE} | {bundle.WEIGHTS: b"\0" * 8}
    bundle.write(path, files, Bundle.open(SHIPPED).manifest)


def convolved(
    x: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    strides: list[int],
    pads: list[int],
    kernel_shape: list[int],
) -> NDArray[np.float64]:
    """Convolve by loops over the places of the output."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right))).astype(np.float64)
    high, wide = ((padded.shape[2 + n] - kernel_shape[n]) // strides[n] + 1 for n in range(2))
    out = np.zeros((len(x), len(weight), high, wide))
    for row in range(high):
        for column in range(wide):
            first, second = row * strides[0], column * strides[1]
            part = padded[:, :, first : first + kernel_shape[0], second : second + kernel_shape[1]]
            out[:, :, row, column] = np.einsum("bchw,mchw->bm", part, weight) + bias
    return out


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [4, 4], "strides": [4, 4], "pads": [0, 0, 0, 0]},  # patches
        {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0, 0, 0, 0]},
        {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
    ],
)
def test_convolutions_become_the_same_products(tmp_path: Path, attributes: dict[str, list[int]]) -> None:
    weight = whole_numbers((CHANNELS, CHANNELS_IN, *attributes["kernel_shape"]), 1)
    bias = np.arange(CHANNELS, dtype=np.float32)
    write(tmp_path / "float", weight, bias, **attributes)
    found = quantize(Bundle.open(tmp_path / "float"), smallest=1)
    layers = [(layer.name, layer.operator) for layer in found.layers]
    assert layers == [("kernels.w", "MatMulIntegerToFloat")] * 3
    bundle.write(tmp_path / "int8", found.files, found.manifest)
    session = OnnxSession(tmp_path / "int8" / "gallery.onnx", threads=1)
    x = whole_numbers((2, CHANNELS_IN, *SIDES), 2)
    np.testing.assert_array_equal(session.run({"x": x})["y"], convolved(x, weight, bias, **attributes))


@pytest.mark.parametrize(
    ("channels", "attributes"),
    [
        (CHANNELS - 1, {"kernel_shape": [4, 4], "strides": [4, 4], "pads": [0, 0, 0, 0]}),  # too few to be worth it
        (CHANNELS, {"kernel_shape": [5, 5], "strides": [5, 5], "pads": [0, 0, 0, 0]}),  # leaves a rest of the sides
        (CHANNELS, {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ],
)
def test_other_convolutions_stay(tmp_path: Path, channels: int, attributes: dict[str, list[int]]) -> None:
    weight = whole_numbers((channels, CHANNELS_IN, *attributes["kernel_shape"]), 1)
    write(tmp_path / "float", weight, np.zeros(channels, np.float32), **attributes)
    with pytest.raises(ConfigError):
        quantize(Bundle.open(tmp_path / "float"), smallest=1)
