"""Torch modules as ONNX graphs, and the large tensors of several graphs in one blob."""

import hashlib
import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
import torch
from onnx import external_data_helper
from torch import Tensor, nn
from torch.onnx.errors import OnnxExporterError

from models.errors import ConfigError
from models.nets.norms import fold_norms
from models.nets.sentence_tower import SentenceBlock
from models.nets.towers import Towers
from models.nets.two_stage import Injection
from models.tokenizer import SHORTEST
from training.bundles.compact import Stored, round_to_8_bits, round_to_half, stored, unsigned

OPSET = 18
INLINE_BYTES = 1024  # smaller tensors stay in their graph
ALIGNMENT = 64
ORT_DOMAIN = "com.microsoft"  # of ONNX Runtime's own operators
BLOCK = 64  # inputs that share a scale in a product in 8 bits
_IN_8_BITS = 4  # MatMulNBits' accuracy_level for int8 products


@dataclass(frozen=True, slots=True)
class Split:
    """A query whose image features do not depend on the text, as two modules in eval mode."""

    reference: nn.Module  # pixels → a tuple of features
    compose: nn.Module  # those features, tokens → composed, or composed and text
    features: tuple[str, ...]  # their names, in that order


@dataclass(frozen=True, slots=True)
class OfVectors:
    """A query of the two towers' vectors alone, as a module in eval mode."""

    compose: nn.Module  # image (B, d), text (B, d) → composed (B, d)


@dataclass(frozen=True, slots=True)
class Graphs:
    """One method's graphs, as modules in eval mode with the signatures of docs/models.md."""

    gallery: nn.Module  # pixels → vector
    query: nn.Module | Split | OfVectors | None  # pixels, tokens → composed [, text]; None: composed is the gallery's
    text: nn.Module  # tokens → vector

    @property
    def image_backbone(self) -> Towers:
        """The CLIP whose image tower the gallery graph has."""
        return _backbone(self.gallery)

    @property
    def text_backbone(self) -> Towers:
        """The CLIP whose text tower the text graph has."""
        return _backbone(self.text)

    def make_compact(self) -> None:
        """Round the matrices, with the batch norms in them: to half precision, a sentence encoder's to 8 bits."""
        query = self.query
        parts = [query.reference, query.compose] if isinstance(query, Split) else []
        parts += [query] if isinstance(query, nn.Module) else []
        for part in (self.gallery, self.text, *parts):
            fold_norms(part)
            round_to_half(part)
        for module in (found for part in (self.text, *parts) for found in part.modules()):
            if isinstance(module, SentenceBlock):
                for linear in module.children():
                    if isinstance(linear, nn.Linear):
                        round_to_8_bits(linear.weight)
            elif isinstance(module, Injection):
                round_to_8_bits(module.conv.weight)


def _backbone(graph: nn.Module) -> Towers:
    return next(module for module in graph.modules() if isinstance(module, Towers))


def traced(
    module: nn.Module,
    inputs: Sequence[Tensor],
    names: Sequence[str],
    outputs: Sequence[str],
    *,
    counted: Sequence[str] = (),
) -> onnx.ModelProto:
    """Return the module in eval mode as a graph with those inputs and outputs, whose first dimension is the free batch.

    The second dimension of the inputs in `counted` is free, too, and that of `tokens` down to SHORTEST, unless the text
    tower reads all of them.
    """
    batch, count = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("count", min=1, max=4096)
    second = dict.fromkeys(counted, count)
    longest = next((value.shape[1] for name, value in zip(names, inputs, strict=True) if name == "tokens"), 0)
    if longest > SHORTEST and all(part.cuts_texts for part in module.modules() if isinstance(part, Towers)):
        second["tokens"] = torch.export.Dim("length", min=SHORTEST, max=longest)
    shapes = tuple({0: batch, 1: second[name]} if name in second else {0: batch} for name in names)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # all inputs share one batch, as they should
        try:
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs),
                input_names=list(names),
                output_names=list(outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except OnnxExporterError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise ConfigError(f"torch cannot turn this model into a graph ({reason}): take another") from error
    if program is None:
        raise AssertionError("torch.onnx.export(dynamo=True) gives a program")
    proto: onnx.ModelProto = program.model_proto
    for value in (*proto.graph.input, *proto.graph.output):
        if not value.type.tensor_type.shape.dim[0].dim_param:
            raise AssertionError(f"{value.name} has no free batch: some len() or int() in the module fixed it")
    # Stack traces contain paths of this machine, and would make other bytes on every machine.
    del proto.metadata_props[:]
    proto.doc_string = ""
    for part in (proto.graph, *proto.functions):
        del part.metadata_props[:]
        part.doc_string = ""
        for node in part.node:
            del node.metadata_props[:]
            node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    return proto


def weight_bytes(proto: onnx.ModelProto) -> int:
    """Return how many bytes a graph's initializers have."""
    return sum(
        math.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in proto.graph.initializer
    )


class Blob:
    """The large tensors of several graphs, each content once."""

    def __init__(self, name: str, path: Path | None = None, *, data: bytes = b"") -> None:
        """`name` is the blob's file, beside the graphs; `data` is the content to begin with.

        It is kept in the file `path` if that is given, so that a large one takes no memory.
        """
        self._file: BinaryIO = io.BytesIO() if path is None else path.open("w+b")
        self._file.write(data)
        self._name = name
        self._offsets: dict[bytes, int] = {}  # by digest

    @property
    def data(self) -> bytes:
        """The whole content."""
        return self._read(0, self._file.seek(0, os.SEEK_END))

    @property
    def file(self) -> Path:
        """The file at `path`, with all that was added until now."""
        self._file.flush()
        return Path(self._file.name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def register(self, proto: onnx.ModelProto) -> None:
        """Register the tensors of a graph whose contents the blob has already, so that none is stored again."""
        for offset, length in _places(proto):
            self._offsets[hashlib.sha256(self._read(offset, length)).digest()] = offset

    def parts(self, proto: onnx.ModelProto) -> Iterator[bytes]:
        """Yield the contents that a graph has here, in its own order."""
        for offset, length in _places(proto):
            yield self._read(offset, length)

    def offset(self, data: bytes) -> int | None:
        """Return the offset of a content, or None if the blob does not have it."""
        return self._offsets.get(hashlib.sha256(data).digest())

    def add(self, data: bytes) -> int:
        """Store a content, if the blob does not have it, and return its offset."""
        key = hashlib.sha256(data).digest()
        if key not in self._offsets:
            end = self._file.seek(0, os.SEEK_END)
            self._offsets[key] = end + -end % ALIGNMENT
            self._file.write(b"\0" * (-end % ALIGNMENT))
            self._file.write(data)
        return self._offsets[key]

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def take(self, proto: onnx.ModelProto, *, multiply_in_8_bits: bool = False) -> None:
        """Move the graph's large initializers into the blob, and leave their offsets in the graph.

        One that `stored` makes smaller is stored so, and turned back as the graph is loaded. A matrix in 8 bits
        multiplies so if that is requested, or if it does in a graph before.
        """
        back: list[onnx.NodeProto] = []
        for tensor in list(proto.graph.initializer):
            data = tensor.raw_data or onnx.numpy_helper.to_array(tensor).tobytes()  # little-endian
            if len(data) < INLINE_BYTES:
                continue
            small = stored(onnx.numpy_helper.to_array(tensor))
            is_float = tensor.data_type == onnx.TensorProto.FLOAT
            codes = unsigned(small.data.T).tobytes() if _only_multiplies(proto.graph, tensor.name, small) else b""
            if is_float and codes and (multiply_in_8_bits or self.offset(codes) is not None):
                self.move(_multiplied(proto, tensor, small))
                data = codes
            elif is_float and small.data.dtype != np.float32:
                back += _turned_back(proto.graph, tensor, small)
                data = small.data.astype(small.data.dtype.newbyteorder("<")).tobytes()
            tensor.raw_data = data
            self.move(tensor)
        for place, node in enumerate(back):
            proto.graph.node.insert(place, node)

    def move(self, tensor: onnx.TensorProto) -> None:
        """Move the raw data of a tensor into the blob, and leave its offset."""
        length = len(tensor.raw_data)
        offset = self.add(tensor.raw_data)
        external_data_helper.set_external_data(tensor, self._name, offset=offset, length=length)
        tensor.ClearField("raw_data")


def _places(proto: onnx.ModelProto) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the graph's tensors that are in a blob."""
    for tensor in proto.graph.initializer:
        if external_data_helper.uses_external_data(tensor):
            info = external_data_helper.ExternalDataInfo(tensor)
            yield int(info.offset or 0), int(info.length or 0)


def _only_multiplies(graph: onnx.GraphProto, name: str, small: Stored) -> bool:
    """True if the tensor is a matrix in 8 bits, and the right side of every product that reads it."""
    readers = [node for node in graph.node if name in node.input]
    by_column = small.scales is not None and small.data.ndim == 2 and small.scales.shape[0] == 1
    return (
        by_column
        and small.data.shape[0] % BLOCK == 0
        and all(node.op_type == "MatMul" and name not in node.input[:1] for node in readers)
    )


def _multiplied(proto: onnx.ModelProto, tensor: onnx.TensorProto, small: Stored) -> onnx.TensorProto:
    """Turn the products with a matrix into products in 8 bits, and return the initializer of its scales.

    Each block of BLOCK inputs of a row gets its own scale as it is multiplied, so a row's product does not depend on
    the rows beside it, as it would with DynamicQuantizeLinear.
    """
    graph, name = proto.graph, tensor.name
    inputs, outputs = small.data.shape
    tensor.name, tensor.data_type = f"{name}.codes", onnx.TensorProto.UINT8
    tensor.ClearField("float_data")
    tensor.dims[:] = [outputs, inputs // BLOCK, BLOCK]
    repeated = np.repeat(np.asarray(small.scales, np.float32).ravel(), inputs // BLOCK)
    scales: onnx.TensorProto = graph.initializer.add()
    scales.CopyFrom(onnx.numpy_helper.from_array(repeated, f"{name}.scales"))
    for node in graph.node:
        if name in node.input:
            node.op_type, node.domain = "MatMulNBits", ORT_DOMAIN
            node.input[1:] = [tensor.name, scales.name]
            sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": _IN_8_BITS}
            node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in sizes.items())
    if all(each.domain != ORT_DOMAIN for each in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid(ORT_DOMAIN, 1))
    return scales


def _turned_back(graph: onnx.GraphProto, tensor: onnx.TensorProto, small: Stored) -> list[onnx.NodeProto]:
    """Rename an initializer that becomes small, and return the nodes that give its value under the old name."""
    name = tensor.name
    tensor.name, tensor.data_type = f"{name}.small", onnx.helper.np_dtype_to_tensor_dtype(small.data.dtype)
    tensor.ClearField("float_data")
    if small.scales is None:
        return [onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)]
    graph.initializer.append(onnx.numpy_helper.from_array(small.scales, f"{name}.scales"))
    return [
        onnx.helper.make_node("Cast", [tensor.name], [f"{name}.codes"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Mul", [f"{name}.codes", f"{name}.scales"], [name]),
    ]
