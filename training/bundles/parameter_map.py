"""Map from the torch parameters of a bundle's CLIP to their values, so that another run can start from them.

An exporter renames parameters and transposes some. So the export writes parameters.json: torch name → shape, and the
offset of a large parameter in weights.bin or the value of a small one. A bundle whose gallery is not CLIP's plain image
embedding, as InstructCIR's, has none. Serving never reads it.
"""

import base64
import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from torch import Tensor

from models import bundle
from models.bundle import Bundle
from models.errors import BundleBroken
from models.nets.backbone import Backbone
from models.nets.towers import PIXELS
from training.bundles.compact import stored, unsigned
from training.bundles.onnx_graph import INLINE_BYTES, Blob, Graphs

FILE = "parameters.json"
TOLERANCE = bundle.TOLERANCES["float32"]
_NOT_EXPORTED = "clip.logit_scale"  # only the loss of CLIP's own training reads it
_IMAGE = "clip.visual."  # parameters of the image tower


Kind = Literal["float32", "float16", "int8", "uint8", "int64"]  # uint8: int8 values, and 128 more


class StoredParameter(BaseModel):
    """Place of one parameter or buffer, little-endian."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shape: list[int]  # as torch has it
    offset: int | None = None  # bytes from the start of weights.bin
    type: Kind = "float32"  # as weights.bin has it
    scales: str | None = None  # float32 in base64, one for each row of a matrix in 8 bits
    transposed: bool = False  # whether weights.bin has a matrix the other way round
    base64: str | None = None  # the value itself, if it is smaller than INLINE_BYTES


_KIND: TypeAdapter[Kind] = TypeAdapter(Kind)
_MAP: TypeAdapter[dict[str, StoredParameter]] = TypeAdapter(dict[str, StoredParameter])


def encoded(graphs: Graphs, blob: Blob) -> bytes:
    """Return the file's content: the image tower of the gallery graph and the text tower of the text graph.

    A large parameter that no graph needs in this form is added to the blob.
    """
    image = graphs.image_backbone.state_dict()
    stored = {
        name: _stored(image[name] if name.startswith(_IMAGE) else value, blob)
        for name, value in graphs.text_backbone.state_dict().items()
        if name != _NOT_EXPORTED
    }
    for name, usual in zip(PIXELS, (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD), strict=True):
        value = graphs.image_backbone.get_buffer(name)
        if not torch.equal(value, torch.tensor(usual).view(1, 3, 1, 1) * 255.0):
            stored[name] = _stored(value, blob)
    return _MAP.dump_json(stored, exclude_defaults=True, indent=1) + b"\n"


def backbone_weights(path: Path, backbone: Backbone) -> dict[str, Tensor]:
    """Return the state that makes `backbone` the one in the gallery and text graphs of the bundle at `path`.

    `Backbone.take` loads it. CLIP's temperature is in no graph and stays the backbone's own. Raises BundleMissing, and
    BundleBroken if the bundle has no map, is of another backbone, or gives other outputs than torch with those weights.
    """
    opened = Bundle.open(path)
    stored = _read(opened)
    state = backbone.state_dict()
    shapes = {name: list(tensor.shape) for name, tensor in state.items() if name != _NOT_EXPORTED}
    if shapes != {name: parameter.shape for name, parameter in stored.items() if name not in PIXELS}:
        raise BundleBroken(f"the bundle {path} is of another backbone: name its own, {opened.manifest.backbone}")
    weights = np.memmap(opened.file(bundle.WEIGHTS), dtype=np.uint8, mode="r")
    state |= {name: _value(parameter, weights) for name, parameter in stored.items()}
    _check(opened, state, backbone)
    return state


def _stored(parameter: Tensor, blob: Blob) -> StoredParameter:
    shape, small = list(parameter.shape), stored(parameter.detach().cpu().contiguous().numpy())
    value = small.data
    kind = _KIND.validate_python(value.dtype.name)
    scales = None if small.scales is None else base64.b64encode(_bytes(small.scales.ravel())).decode()
    plain = _bytes(value)
    if len(plain) < INLINE_BYTES:
        return StoredParameter(shape=shape, type=kind, scales=scales, base64=base64.b64encode(plain).decode())
    if kind == "int8" and (offset := blob.offset(unsigned(value).tobytes())) is not None:
        return StoredParameter(shape=shape, type="uint8", scales=scales, offset=offset)
    offset, transposed = blob.offset(plain), False
    if offset is None and value.ndim == 2:
        offset = blob.offset(_bytes(value.T))
        transposed = offset is not None
    offset = blob.add(plain) if offset is None else offset
    return StoredParameter(shape=shape, type=kind, scales=scales, offset=offset, transposed=transposed)


def _bytes(value: NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()


def _read(opened: Bundle) -> Mapping[str, StoredParameter]:
    if FILE not in opened.manifest.files:
        raise BundleBroken(
            f"the bundle {opened.path} has no {FILE}: export it again from its run; if its method changes CLIP's"
            " image tower, as InstructCIR does, name the bundle that it started from; if its model has not CLIP's text"
            " tower and tokenizer, as SigLIP, take another"
        )
    try:
        return _MAP.validate_json(opened.file(FILE).read_bytes())
    except ValidationError as error:
        raise BundleBroken(f"{opened.path / FILE} is not one this version reads: export the bundle again") from error


def _value(parameter: StoredParameter, weights: np.memmap[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    shape = parameter.shape[::-1] if parameter.transposed else parameter.shape
    kind = np.dtype(parameter.type).newbyteorder("<")
    if parameter.base64 is not None:
        data = base64.b64decode(parameter.base64)
    else:
        start = parameter.offset or 0
        data = weights[start : start + kind.itemsize * int(np.prod(shape))].tobytes()
    value = np.frombuffer(data, dtype=kind).reshape(shape)
    value = value.T if parameter.transposed else value
    value = value.astype(np.int16) - 128 if parameter.type == "uint8" else value
    if parameter.scales is not None:
        scales = np.frombuffer(base64.b64decode(parameter.scales), dtype="<f4")  # (out,)
        value = value.astype(np.float32) * scales.reshape(-1, *[1] * (value.ndim - 1))
    native = np.float32 if parameter.type == "float16" or parameter.scales else np.dtype(parameter.type)
    return torch.from_numpy(np.array(value, dtype=native, order="C"))


def _check(opened: Bundle, state: Mapping[str, Tensor], backbone: Backbone) -> None:
    """Raise BundleBroken if the backbone with this state does not give the outputs of the bundle's self-test."""
    manifest = opened.manifest
    with np.load(io.BytesIO(opened.file(bundle.SELF_TEST).read_bytes())) as record:
        recorded = {name: torch.from_numpy(record[name]) for name in ("pixels", "tokens", "gallery", "text")}
    trial = copy.deepcopy(backbone).cpu().float().eval()
    trial.take(state)
    if manifest.image_size != trial.image_size or manifest.context_length != trial.context_length:
        raise BundleBroken(f"the bundle {opened.path} is of another backbone: name its own, {manifest.backbone}")
    with torch.no_grad():
        outputs = {"gallery": trial.image(recorded["pixels"]), "text": trial.text(recorded["tokens"])}
    for name, output in outputs.items():
        difference = float((output - recorded[name]).abs().max())
        if not difference <= TOLERANCE:
            raise BundleBroken(
                f"with the weights of {opened.path} this backbone gives another {name}, by {difference:.2g}: name its"
                f" own, {manifest.backbone}"
            )
