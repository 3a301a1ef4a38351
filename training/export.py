"""Torch modules to a bundle: three ONNX graphs with shared weights, parity checked, written whole or not at all."""

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper
from torch import Tensor, nn

from models import bundle
from models.bundle import Manifest, Preprocessing
from models.encoder import Encoder
from models.errors import ConfigError
from models.nets import weighted_sum
from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer
from training import checkpoint, loop, vocabulary
from training.config import Config
from training.stages import contrast

TOLERANCE = 2e-4  # on components of unit vectors; float32 sums in another order stay well below
OPSET = 18
INLINE_BYTES = 1024  # smaller tensors stay in their graph
ALIGNMENT = 64
BATCH = 3  # rows of the self-test


@dataclass(frozen=True, slots=True)
class Graphs:
    """One method's three graphs, as modules in eval mode with the signatures of models/README.md."""

    gallery: nn.Module  # pixels → vector
    query: nn.Module  # pixels, tokens → composed, text
    text: nn.Module  # tokens → vector


@dataclass(frozen=True, slots=True)
class Method:
    """What the manifest says of a method."""

    name: str
    backbone: str
    template: str
    text_weight: float


def run(folder: Path, *, text_weight: float, out: Path) -> Manifest:
    """Exports a finished run of the stage "contrast" as the sum baseline; raises ConfigError where there is none."""
    config = Config.read(folder / loop.CONFIG)
    backbone, tokenizer = contrast.net(config, folder)
    backbone.load_state_dict(checkpoint.weights(folder))
    return export(
        _sum(backbone),
        Method(name="sum", backbone=config.backbone.name, template="{text}", text_weight=text_weight),
        image_size=backbone.image_size,
        tokenizer_file=folder / contrast.TOKENIZER,
        context_length=tokenizer.context_length,
        config=(folder / loop.CONFIG).read_text(encoding="utf-8"),
        out=out,
    )


def open_clip(name: str, *, pretrained: str, text_weight: float, out: Path) -> Manifest:
    """Exports an open_clip model as it is, as the sum baseline; raises ConfigError for what open_clip does not know."""
    with TemporaryDirectory() as scratch:
        tokenizer_file = Path(scratch) / bundle.TOKENIZER
        vocabulary.clip(tokenizer_file)
        end = Tokenizer.open(tokenizer_file, context_length=3).end
        backbone = Backbone.create(name, pretrained=pretrained, end=end)
        if backbone.clip.vocab_size != end + 1:
            raise ConfigError(f"{name} has another tokenizer than CLIP's, which this export does not know")
        return export(
            _sum(backbone),
            Method(name="sum", backbone=name, template="{text}", text_weight=text_weight),
            image_size=backbone.image_size,
            tokenizer_file=tokenizer_file,
            context_length=backbone.context_length,
            config=f"# open_clip {name}, weights {pretrained or 'random'}\n",
            out=out,
        )


def _sum(backbone: Backbone) -> Graphs:
    backbone.eval()
    return Graphs(
        gallery=weighted_sum.Gallery(backbone), query=weighted_sum.Query(backbone), text=weighted_sum.Text(backbone)
    )


def export(
    graphs: Graphs,
    method: Method,
    *,
    image_size: int,
    tokenizer_file: Path,
    context_length: int,
    config: str,
    out: Path,
) -> Manifest:
    """Writes the bundle at `out` and gives its manifest.

    `config` is the text of the training config, kept beside the graphs. Raises BundleBroken, with nothing written at
    `out`, where ONNX Runtime's outputs differ from torch's by more than TOLERANCE.
    """
    tokenizer = Tokenizer.open(tokenizer_file, context_length=context_length)
    pixels, tokens = _sample_inputs(tokenizer, image_size=image_size)
    with torch.inference_mode():
        gallery, text = graphs.gallery(pixels), graphs.text(tokens)
        composed, query_text = graphs.query(pixels, tokens)
    record = io.BytesIO()
    np.savez(
        record,
        **{
            name: tensor.numpy()
            for name, tensor in {
                "pixels": pixels, "tokens": tokens, "gallery": gallery, "text": text, "composed": composed,
                "query_text": query_text,
            }.items()
        },
    )  # fmt: skip
    protos = {
        "gallery": _to_onnx(graphs.gallery, [pixels], ["pixels"], ["vector"]),
        "query": _to_onnx(graphs.query, [pixels, tokens], ["pixels", "tokens"], ["composed", "text"]),
        "text": _to_onnx(graphs.text, [tokens], ["tokens"], ["vector"]),
    }
    preprocessing = Preprocessing(image_size=image_size)
    space = hashlib.sha256(protos["gallery"].SerializeToString(deterministic=True))
    space.update(preprocessing.model_dump_json().encode())
    whole = hashlib.sha256()
    for name in bundle.GRAPHS:
        whole.update(protos[name].SerializeToString(deterministic=True))
    weights = _share_weights(list(protos.values()))
    manifest = Manifest(
        method=method.name,
        backbone=method.backbone,
        dimension=gallery.shape[1],
        context_length=context_length,
        preprocessing=preprocessing,
        template=method.template,
        text_weight=method.text_weight,
        model_id=f"{method.name}-{whole.hexdigest()[:12]}",
        space_id=space.hexdigest()[:16],
        tolerance=TOLERANCE,
        files={},
    )
    files = {f"{name}.onnx": proto.SerializeToString(deterministic=True) for name, proto in protos.items()}
    files |= {
        bundle.WEIGHTS: weights,
        bundle.TOKENIZER: tokenizer_file.read_bytes(),
        bundle.SELF_TEST: record.getvalue(),
        "train.toml": config.encode(),
    }
    with TemporaryDirectory() as scratch:  # proven before it stands where anyone could take it up
        trial = Path(scratch) / "bundle"
        bundle.write(trial, files, manifest)
        Encoder.open(trial)
    bundle.write(out, files, manifest)
    return bundle.Bundle.open(out).manifest


def _sample_inputs(tokenizer: Tokenizer, *, image_size: int) -> tuple[Tensor, Tensor]:
    """Pixels (B, 3, S, S): ramps of colour with noise; tokens (B, L): an empty, a short and an overlong text."""
    random = np.random.Generator(np.random.PCG64(0))
    ramp = np.linspace(0, 200, image_size, dtype=np.float32)
    pictures = [ramp[None, :, None] * (row / BATCH) + ramp[None, None, :] * (1 - row / BATCH) for row in range(BATCH)]
    noise = random.random((BATCH, 3, image_size, image_size), dtype=np.float32) * 55
    pixels: NDArray[np.uint8] = (np.stack(pictures) + noise).astype(np.uint8)  # (B, 3, S, S)
    tokens = tokenizer.encode(["", "in red with long sleeves", "a very long wish " * 40]).ids  # (B, L)
    return torch.from_numpy(pixels), torch.from_numpy(tokens)


def _to_onnx(
    module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], outputs: Sequence[str]
) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # both inputs share one batch, as they should
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs),
            input_names=list(names),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise AssertionError("torch.onnx.export(dynamo=True) gives a program")
    proto: onnx.ModelProto = program.model_proto
    for value in proto.graph.input:
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


def _share_weights(protos: Sequence[onnx.ModelProto]) -> bytes:
    """Moves large initializers out of the graphs into one blob, each content once, and gives the blob."""
    blob = bytearray()
    places: dict[bytes, int] = {}
    for proto in protos:
        for tensor in proto.graph.initializer:
            data = _raw(tensor)
            if len(data) < INLINE_BYTES:
                continue
            key = hashlib.sha256(data).digest()
            if key not in places:
                blob.extend(b"\0" * (-len(blob) % ALIGNMENT))
                places[key] = len(blob)
                blob.extend(data)
            tensor.raw_data = data
            external_data_helper.set_external_data(tensor, bundle.WEIGHTS, offset=places[key], length=len(data))
            tensor.ClearField("raw_data")
    return bytes(blob)


def _raw(tensor: TensorProto) -> bytes:
    return tensor.raw_data or onnx.numpy_helper.to_array(tensor).tobytes()
