"""A bundle's graph whose large products are turned to 8 bits, each row of an input with a scale of its own.

A matrix is whole numbers −127…127 times a scale for each output. An input is turned to 8 bits as it comes, row by row,
by the largest of the row's values, so that an image's embedding does not depend on the images beside it in a batch, as
it would with DynamicQuantizeLinear, which takes one scale for all. The products are ONNX Runtime's, of whole numbers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, external_data_helper, helper, numpy_helper

from models import bundle
from models.bundle import Bundle
from training.bundles.onnx_graph import INLINE_BYTES, ORT_DOMAIN, Blob
from training.bundles.unfold import Convolution, shapes

SMALLEST = 2**16  # numbers of a matrix; smaller ones gain no time
_LEVELS = 127
_ZERO = 128  # of an input's 8 bits, which are 1…255
_TINIEST = 1e-30  # scale of a row of zeros
_IN_8_BITS = ("MatMulIntegerToFloat", "MatMulNBits")
_IN_FLOAT = ("MatMul", "Gemm", "Conv")  # ONNX Runtime's ConvInteger is slower: a Conv becomes a product, or stays
_UNFOLDED = ".unfolded"


@dataclass(frozen=True, slots=True)
class Layer:
    """A product with a large matrix, or a convolution with a large kernel."""

    graph: str
    name: str  # torch's name of the matrix if the export kept it, else the product's in the graph
    size: int  # numbers in the matrix
    operator: str  # of ONNX
    in_8_bits: bool

    @property
    def label(self) -> str:
        """The name that patterns match."""
        return f"{self.graph}/{self.name}"

    @property
    def is_float_product(self) -> bool:
        """True of a product of matrices in float32, which could be in 8 bits; a convolution is none."""
        return not self.in_8_bits and self.operator != "Conv"


class ProductGraph:
    """One graph of a bundle; its weights stay on disk until they are stored anew."""

    def __init__(self, name: str, opened: Bundle, *, smallest: int = SMALLEST) -> None:
        """`smallest` is the size of a matrix in numbers at which it is large."""
        self._name, self._smallest = name, smallest
        self._proto = onnx.load(str(opened.file(f"{name}.onnx")), load_external_data=False)
        self._weights = np.memmap(opened.file(bundle.WEIGHTS), dtype=np.uint8, mode="r")
        self._index()

    def _index(self) -> None:
        graph = self._proto.graph
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {output: node for node in graph.node for output in node.output}

    def quantize(self, patterns: Sequence[re.Pattern[str]]) -> int:
        """Turn the large products to 8 bits, but for those that a pattern matches; return how many were turned."""
        self._unfold(patterns)
        graph = self._proto.graph
        nodes: list[NodeProto] = []
        rows: dict[str, QuantizedRows] = {}  # by input: quantised once for all products that read it
        done: dict[str, tuple[str, str]] = {}  # by matrix: the names of its codes and scales
        for node in graph.node:
            layer = self._layer(node)
            if layer is None or not self._can_change(node, layer, patterns):
                nodes.append(node)
                continue
            into = node.input[0]
            if into not in rows:
                rows[into] = QuantizedRows.from_input(into)
                nodes += rows[into].nodes
            key = f"{node.input[1]}{'ᵀ' if _transposed(node) else ''}"
            if key not in done:
                done[key] = self._codes(node, f"{node.input[1]}{'.t' if _transposed(node) else ''}")
            nodes += _product(node, rows[into], *done[key])
        if done:
            graph.initializer.extend(_constants())
            _import_ort(self._proto)
        del graph.node[:]
        graph.node.extend(nodes)
        self._drop_unused()
        self._index()
        return len(done)

    def _unfold(self, patterns: Sequence[re.Pattern[str]]) -> None:
        """Turn convolutions with large kernels into products, if that is worth it."""
        graph, sizes = self._proto.graph, shapes(self._proto.graph)
        nodes: list[NodeProto] = []
        unfolded: set[str] = set()
        for node in list(graph.node):
            layer, before, after = self._layer(node), sizes.get(node.input[0], ()), sizes.get(node.output[0], ())
            found = None
            if layer is not None and node.op_type == "Conv" and not matches(layer, patterns) and before and after:
                found = Convolution.unfoldable(node, before, after)
            if found is None:
                nodes.append(node)
                continue
            name = f"{node.input[1]}{_UNFOLDED}"
            matrix = numpy_helper.from_array(found.matrix(self._value(node.input[1])), name)
            parts = [] if found.rows in unfolded else [found.unfolding()]
            unfolded.add(found.rows)
            for part in (*parts, found.product(name)):
                nodes += part.nodes
                graph.initializer.extend(part.constants)
            graph.initializer.append(matrix)
        del graph.node[:]
        graph.node.extend(nodes)
        self._index()

    def layers(self) -> Iterator[Layer]:
        """Yield the products with large matrices."""
        for node in self._proto.graph.node:
            if layer := self._layer(node):
                yield layer

    def stored(self, blob: Blob) -> bytes:
        """Return the graph with its large tensors in the blob."""
        for tensor in self._proto.graph.initializer:
            data = self._data(tensor)
            if len(data) >= INLINE_BYTES or external_data_helper.uses_external_data(tensor):
                tensor.raw_data = data
                blob.move(tensor)
        content: bytes = self._proto.SerializeToString(deterministic=True)
        return content

    def _layer(self, node: NodeProto) -> Layer | None:
        """Return the product's layer if it has a large matrix or kernel."""
        in_8_bits = node.op_type in _IN_8_BITS
        if not in_8_bits and node.op_type not in _IN_FLOAT:
            return None
        for matrix in node.input[:2]:
            size = int(np.prod(self._shape(matrix) or [0]))
            if size >= self._smallest:
                own = matrix.removesuffix(".codes").removesuffix(".t").removesuffix(_UNFOLDED)
                return Layer(self._name, own if "." in own else node.name, size, node.op_type, in_8_bits)
        return None

    def _can_change(self, node: NodeProto, layer: Layer, patterns: Sequence[re.Pattern[str]]) -> bool:
        """True of a MatMul with a matrix on its right, and of a Gemm that only multiplies and adds."""
        values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        is_plain = values.get("alpha", 1.0) == values.get("beta", 1.0) == 1.0 and not values.get("transA", 0)
        return (
            layer.is_float_product
            and is_plain
            and len(self._shape(node.input[1]) or ()) == 2
            and not matches(layer, patterns)
        )

    def _codes(self, node: NodeProto, name: str) -> tuple[str, str]:
        """Add the matrix (in, out) of a product in 8 bits, and return the names of its codes and scales."""
        matrix = self._value(node.input[1])
        matrix = matrix.T if _transposed(node) else matrix
        scales = np.maximum(np.abs(matrix).max(axis=0) / _LEVELS, np.float32(_TINIEST)).astype(np.float32)  # (out,)
        codes = np.rint(matrix / scales).astype(np.int8)
        tensors = {f"{name}.codes": codes, f"{name}.scales": scales}
        self._proto.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in tensors.items())
        codes_name, scales_name = tensors
        return codes_name, scales_name

    def _shape(self, name: str) -> Sequence[int] | None:
        """Return the shape of a constant, None of what is computed."""
        if name in self._tensors:
            return list(self._tensors[name].dims)
        maker = self._makers.get(name)
        if maker is None or maker.op_type not in ("Cast", "Mul"):  # which turn a compact bundle's small numbers back
            return None
        shapes = [self._shape(part) for part in maker.input]
        return None if None in shapes else shapes[0]

    def _value(self, name: str) -> NDArray[np.float32]:
        """Return a constant's value, whose shape is known."""
        if name in self._tensors:
            tensor = self._tensors[name]
            kind = helper.tensor_dtype_to_np_dtype(tensor.data_type).newbyteorder("<")
            value = np.frombuffer(self._data(tensor), dtype=kind).reshape(tensor.dims)
            return value.astype(np.float32)
        maker = self._makers[name]
        value = self._value(maker.input[0])
        return value if maker.op_type == "Cast" else value * self._value(maker.input[1])

    def _data(self, tensor: TensorProto) -> bytes:
        if not external_data_helper.uses_external_data(tensor):
            return tensor.raw_data or numpy_helper.to_array(tensor).tobytes()
        place = external_data_helper.ExternalDataInfo(tensor)
        start, length = int(place.offset or 0), int(place.length or 0)
        return self._weights[start : start + length].tobytes()

    def _drop_unused(self) -> None:
        """Remove the float matrices, and what turned them back from small numbers."""
        graph = self._proto.graph
        outputs = {value.name for value in graph.output}
        while True:
            read = {name for node in graph.node for name in node.input} | outputs
            unread = [node for node in graph.node if not read.intersection(node.output)]
            if not unread:
                break
            for node in unread:
                graph.node.remove(node)
        for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
            graph.initializer.remove(tensor)


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """An input (…, K) in 8 bits, and the scale of each of its rows (…, 1)."""

    codes: str
    scales: str
    nodes: tuple[NodeProto, ...]

    @classmethod
    def from_input(cls, name: str) -> "QuantizedRows":
        """Return the nodes that quantise an input."""
        absolute, most, scaled, scales, codes, ratio = (
            f"{name}.{part}" for part in ("absolute", "most", "scaled", "row_scales", "row_codes", "ratio")
        )
        nodes = (
            helper.make_node("Abs", [name], [absolute]),
            helper.make_node("ReduceMax", [absolute, "8_bits.last"], [most], keepdims=1),
            helper.make_node("Mul", [most, "8_bits.step"], [scaled]),
            helper.make_node("Max", [scaled, "8_bits.tiniest"], [scales]),
            helper.make_node("Div", [name, scales], [ratio]),
            helper.make_node("QuantizeLinear", [ratio, "8_bits.one", "8_bits.zero"], [codes]),
        )
        return cls(codes, scales, nodes)


def _constants() -> Iterator[TensorProto]:
    values: Mapping[str, NDArray[np.generic]] = {
        "last": np.array([-1], np.int64),
        "step": np.array(1 / _LEVELS, np.float32),
        "tiniest": np.array(_TINIEST, np.float32),
        "one": np.array(1, np.float32),
        "zero": np.array(_ZERO, np.uint8),
    }
    yield from (numpy_helper.from_array(value, f"8_bits.{name}") for name, value in values.items())


def _product(node: NodeProto, rows: QuantizedRows, codes: str, scales: str) -> Iterator[NodeProto]:
    """Yield the nodes in place of a MatMul or Gemm: whole numbers multiplied, then both scales and the bias."""
    out = node.output[0]
    bias = node.input[2] if node.op_type == "Gemm" and len(node.input) > 2 else None
    plain, scaled = f"{out}.of_codes", f"{out}.scaled" if bias else out
    inputs = [rows.codes, codes, "8_bits.one", scales, "8_bits.zero"]
    yield helper.make_node("MatMulIntegerToFloat", inputs, [plain], name=node.name, domain=ORT_DOMAIN)
    yield helper.make_node("Mul", [plain, rows.scales], [scaled])
    if bias:
        yield helper.make_node("Add", [scaled, bias], [out])


def _transposed(node: NodeProto) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def matches(layer: Layer, patterns: Sequence[re.Pattern[str]]) -> bool:
    """Return whether the layer stays as it is."""
    return any(pattern.search(layer.label) for pattern in patterns)


def _import_ort(proto: onnx.ModelProto) -> None:
    if all(each.domain != ORT_DOMAIN for each in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid(ORT_DOMAIN, 1))
