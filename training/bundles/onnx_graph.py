"""Torch modules as ONNX graphs, and the large tensors of several graphs in one blob."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import external_data_helper
from torch import Tensor, nn

from models.nets.backbone import Backbone
from models.nets.conv_tower import ConvTower
from models.tokenizer import SHORTEST

OPSET = 18
INLINE_BYTES = 1024  # smaller tensors stay in their graph
ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Split:
    """A query whose image features do not depend on the text, as two modules in eval mode."""

    reference: nn.Module  # pixels → a tuple of features
    compose: nn.Module  # those features, tokens → composed, or composed and text
    features: tuple[str, ...]  # their names, in that order


@dataclass(frozen=True, slots=True)
class Graphs:
    """One method's graphs, as modules in eval mode with the signatures of docs/models.md."""

    gallery: nn.Module  # pixels → vector
    query: nn.Module | Split  # pixels, tokens → composed, or composed and text
    text: nn.Module  # tokens → vector

    @property
    def image_backbone(self) -> Backbone:
        """The CLIP whose image tower the gallery graph has."""
        return _backbone(self.gallery)

    @property
    def text_backbone(self) -> Backbone:
        """The CLIP whose text tower the text graph has."""
        return _backbone(self.text)

    def round_to_half(self) -> None:
        """Round all matrices to half precision, after the norms of an image tower went into them."""
        parts = (self.query.reference, self.query.compose) if isinstance(self.query, Split) else (self.query,)
        for part in (self.gallery, self.text, *parts):
            for module in part.modules():
                if isinstance(module, ConvTower):
                    module.fold_norms()
            round_to_half(part)


def _backbone(graph: nn.Module) -> Backbone:
    return next(module for module in graph.modules() if isinstance(module, Backbone))


def traced(
    module: nn.Module,
    inputs: Sequence[Tensor],
    names: Sequence[str],
    outputs: Sequence[str],
    *,
    counted: Sequence[str] = (),
) -> onnx.ModelProto:
    """Return the module in eval mode as a graph with those inputs and outputs, whose first dimension is the free batch.

    The second dimension of the inputs in `counted` is free, too, and that of `tokens` down to SHORTEST.
    """
    batch, count = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("count", min=1, max=4096)
    second = dict.fromkeys(counted, count)
    longest = next((value.shape[1] for name, value in zip(names, inputs, strict=True) if name == "tokens"), 0)
    if longest > SHORTEST:
        second["tokens"] = torch.export.Dim("length", min=SHORTEST, max=longest)
    shapes = tuple({0: batch, 1: second[name]} if name in second else {0: batch} for name in names)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # all inputs share one batch, as they should
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


class Blob:
    """The large tensors of several graphs, each content once."""

    def __init__(self, name: str, data: bytes = b"") -> None:
        """`name` is the blob's file, beside the graphs; `data` is the content to begin with."""
        self.data = bytearray(data)
        self._name = name
        self._offsets: dict[bytes, int] = {}  # by digest

    def register(self, proto: onnx.ModelProto) -> None:
        """Register the tensors of a graph whose contents the blob has already, so that none is stored again."""
        for tensor in proto.graph.initializer:
            if external_data_helper.uses_external_data(tensor):
                info = external_data_helper.ExternalDataInfo(tensor)
                offset, length = int(info.offset or 0), int(info.length or 0)
                self._offsets[hashlib.sha256(self.data[offset : offset + length]).digest()] = offset

    def offset(self, data: bytes) -> int | None:
        """Return the offset of a content, or None if the blob does not have it."""
        return self._offsets.get(hashlib.sha256(data).digest())

    def add(self, data: bytes) -> int:
        """Store a content, if the blob does not have it, and return its offset."""
        key = hashlib.sha256(data).digest()
        if key not in self._offsets:
            self.data.extend(b"\0" * (-len(self.data) % ALIGNMENT))
            self._offsets[key] = len(self.data)
            self.data.extend(data)
        return self._offsets[key]

    def take(self, proto: onnx.ModelProto) -> None:
        """Move the graph's large initializers into the blob, and leave their offsets in the graph.

        One whose numbers all have half precision is stored so, and cast back as the graph is loaded.
        """
        casts = []
        for tensor in proto.graph.initializer:
            data = tensor.raw_data or onnx.numpy_helper.to_array(tensor).tobytes()  # little-endian
            if len(data) < INLINE_BYTES:
                continue
            value = onnx.numpy_helper.to_array(tensor)
            half = halved(value)
            if half.dtype != value.dtype:
                name, data = tensor.name, half.astype("<f2").tobytes()
                tensor.name, tensor.data_type = f"{name}.half", onnx.TensorProto.FLOAT16
                tensor.ClearField("float_data")
                casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
            offset = self.add(data)
            tensor.raw_data = data
            external_data_helper.set_external_data(tensor, self._name, offset=offset, length=len(data))
            tensor.ClearField("raw_data")
        for place, cast in enumerate(casts):
            proto.graph.node.insert(place, cast)


def halved(value: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the array in half precision if that is exact, else as it is."""
    if value.dtype != np.float32:
        return value
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), value) else value


@torch.no_grad()
def round_to_half(module: nn.Module) -> None:
    """Round all matrices of the module to half precision; vectors, as biases and norms, stay as they are."""
    for tensor in module.state_dict().values():  # not the mean and the standard deviation, which are no weights
        if tensor.ndim > 1 and tensor.dtype == torch.float32:
            tensor.copy_(tensor.half().float())
