"""A backbone's torch weights out of a bundle, so that a run can start where an exported one ended."""

import copy
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import bundle
from models.bundle import Bundle
from models.errors import BundleBroken
from models.nets import weighted_sum
from models.nets.backbone import Backbone
from training.bundles import onnx_graph

_NOT_EXPORTED = "clip.logit_scale"  # only the loss of CLIP's own training reads it


def backbone_weights(path: Path, backbone: Backbone) -> dict[str, Tensor]:
    """The state that makes `backbone` the one in the gallery and text graphs of the bundle at `path`.

    A graph's tensors have the exporter's own names and some are transposed. So a copy of the backbone with random
    weights is exported too, and what stands in the bundle's graph where a parameter's random values stand in that one
    is the parameter. The temperature is in no graph and stays the backbone's own. Raises BundleMissing, and
    BundleBroken where the bundle's graphs are of another net or would not give torch's outputs with those weights.
    """
    opened = Bundle.open(path)
    manifest = opened.manifest
    sizes = (manifest.image_size, manifest.context_length, manifest.dimension)
    if sizes != (backbone.image_size, backbone.context_length, backbone.dimension):
        raise BundleBroken(f"the bundle {path} is of another backbone: name its own, {manifest.backbone}")
    with np.load(io.BytesIO(opened.file(bundle.SELF_TEST).read_bytes())) as record:
        tried = {name: torch.from_numpy(record[name]) for name in ("pixels", "tokens", "gallery", "text")}
    trial = copy.deepcopy(backbone).cpu().float().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in trial.parameters():  # zeros and ones, as biases and norms begin, could not be told apart
            parameter.normal_(generator=generator)
    both: dict[bytes, NDArray[np.generic]] = {}
    for name, module, given in (
        ("gallery", weighted_sum.ImageGraph(trial), "pixels"),
        ("text", weighted_sum.TextGraph(trial), "tokens"),
    ):
        random = onnx_graph.traced(module, [tried[given]], [given], ["vector"])
        try:
            both |= _counterparts(random, onnx.load(str(opened.file(f"{name}.onnx"))))
        except ValueError as error:
            raise BundleBroken(
                f"{name}.onnx of {path} is of another backbone ({error}): name its own, {manifest.backbone}"
            ) from error
    state = backbone.state_dict()
    for name, parameter in trial.named_parameters():
        if name != _NOT_EXPORTED:
            state[name] = _found(parameter, both, name=name, path=path)
    trial.load_state_dict(state)
    with torch.no_grad():
        answers = {"gallery": trial.image(tried["pixels"]), "text": trial.text(tried["tokens"])}
    for name, answer in answers.items():
        difference = float((answer - tried[name]).abs().max())
        if not difference <= manifest.tolerance:
            raise BundleBroken(
                f"with the weights of {path} this backbone gives another {name}, by {difference:.2g}: name its own,"
                f" {manifest.backbone}"
            )
    return state


def _counterparts(random: onnx.ModelProto, wanted: onnx.ModelProto) -> dict[bytes, NDArray[np.generic]]:
    """Digest of each tensor of one graph → the tensor in its place in the other; raises ValueError."""
    ours, theirs = _uses(random), _uses(wanted)
    if [use[:-1] for use in ours] != [use[:-1] for use in theirs]:
        raise ValueError("its tensors have other places or shapes")
    names = {mine: yours for (*_, mine), (*_, yours) in zip(ours, theirs, strict=True)}
    tensors = {tensor.name: tensor for tensor in wanted.graph.initializer}
    return {
        hashlib.sha256(onnx_graph.raw(tensor)).digest(): onnx.numpy_helper.to_array(tensors[names[tensor.name]])
        for tensor in random.graph.initializer
        if tensor.name in names
    }


def _uses(proto: onnx.ModelProto) -> list[tuple[str, int, tuple[int, ...], str]]:
    """Where each tensor of floats is read, in the order of computation: operator, place of the input, shape, name."""
    tensors = {
        tensor.name: tuple(tensor.dims)
        for tensor in proto.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims
    }
    return [
        (node.op_type, place, tensors[name], name)
        for node in proto.graph.node
        for place, name in enumerate(node.input)
        if name in tensors
    ]


def _found(parameter: Tensor, both: Mapping[bytes, NDArray[np.generic]], *, name: str, path: Path) -> Tensor:
    """What stands in the bundle for a parameter of the random copy, as it is or transposed."""
    values = parameter.detach().numpy()
    for turned in (False, True):
        digest = hashlib.sha256((values.T if turned else values).tobytes()).digest()
        if digest in both:
            array = both[digest].T if turned else both[digest].reshape(values.shape)  # (1, 1, w) for (w,), say
            return torch.from_numpy(np.array(array, order="C"))
    raise BundleBroken(f"the bundle {path} holds no {name}: give the weights as a file")
