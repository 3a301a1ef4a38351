"""A method's torch modules as ONNX graphs, and the large tensors of many graphs in one blob."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import torch
from onnx import TensorProto, external_data_helper
from torch import Tensor, nn

OPSET = 18
INLINE_BYTES = 1024  # smaller tensors stay in their graph
ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Split:
    """A query whose image work does not depend on the words, as two modules in eval mode."""

    reference: nn.Module  # pixels → a tuple of features
    compose: nn.Module  # those features, tokens → composed, or composed and text
    features: tuple[str, ...]  # their names, in that order


@dataclass(frozen=True, slots=True)
class Graphs:
    """One method's graphs, as modules in eval mode with the signatures of docs/models.md."""

    gallery: nn.Module  # pixels → vector
    query: nn.Module | Split  # pixels, tokens → composed, or composed and text
    text: nn.Module  # tokens → vector


def traced(
    module: nn.Module,
    inputs: Sequence[Tensor],
    names: Sequence[str],
    outputs: Sequence[str],
    *,
    counted: Sequence[str] = (),
) -> onnx.ModelProto:
    """The module in eval mode as a graph of those inputs and outputs, whose first dimension is free: the batch.

    Of the inputs that are `counted` the second is free, too.
    """
    batch, count = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("count", min=1, max=4096)
    shapes = tuple({0: batch, 1: count} if name in counted else {0: batch} for name in names)
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
            raise AssertionError(f"{value.name} lost its free batch: some len() or int() in the module fixed it")
    # Stack traces with paths of this machine: nobody's business, and other bytes on every machine.
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
        """`name` is the file, beside the graphs, that the blob will stand in; `data` what it holds already."""
        self.data = bytearray(data)
        self._name = name
        self._places: dict[bytes, int] = {}

    def know(self, proto: onnx.ModelProto) -> None:
        """Finds the places of the tensors of a graph that the blob already holds, so that none is stored again."""
        for tensor in proto.graph.initializer:
            if external_data_helper.uses_external_data(tensor):
                info = external_data_helper.ExternalDataInfo(tensor)
                offset, length = int(info.offset or 0), int(info.length or 0)
                self._places[hashlib.sha256(self.data[offset : offset + length]).digest()] = offset

    def take(self, proto: onnx.ModelProto) -> None:
        """Moves the graph's large initializers into the blob, and leaves their places in the graph."""
        for tensor in proto.graph.initializer:
            data = raw(tensor)
            if len(data) < INLINE_BYTES:
                continue
            key = hashlib.sha256(data).digest()
            if key not in self._places:
                self.data.extend(b"\0" * (-len(self.data) % ALIGNMENT))
                self._places[key] = len(self.data)
                self.data.extend(data)
            tensor.raw_data = data
            external_data_helper.set_external_data(tensor, self._name, offset=self._places[key], length=len(data))
            tensor.ClearField("raw_data")


def raw(tensor: TensorProto) -> bytes:
    """The tensor's content, little-endian and in its own order."""
    return tensor.raw_data or onnx.numpy_helper.to_array(tensor).tobytes()
