"""Export of a finished model to a bundle: ONNX graphs with shared weights, proved to agree with torch."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import bundle, spelling
from models.bundle import Content, KnownImages, Manifest, Precision, Preprocessing
from models.nets.backbone import Backbone
from models.nets.weighted_sum import ImageGraph
from models.tokenizer import Template, Tokenizer
from training.bundles import parameter_map
from training.bundles.onnx_graph import ORT_DOMAIN, Blob, Graphs, OfVectors, Split, traced, weight_bytes
from training.bundles.verified_write import write_verified

BATCH = 3  # rows of the self-test
LARGEST_BYTES = 2**30  # of a graph's weights that are digested as one


@dataclass(frozen=True, slots=True)
class FinishedModel:
    """A trained model: its graphs, and what the manifest says of it."""

    method: str  # as the manifest calls it: "sum", "two-stage", …
    backbone: str  # open_clip's name
    template: str  # of a composed query
    text_weight: float  # default share of the text in a composed query
    graphs: Graphs
    tokenizer_file: Path
    known_images: KnownImages | None = None

    def export(
        self,
        out: Path,
        *,
        config: str,
        text_weight: float | None = None,
        compact: bool = False,
        largest_bytes: int = LARGEST_BYTES,
    ) -> Manifest:
        """Write the bundle at `out` and return its manifest.

        `config` is the text of the training config, kept beside the graphs; `text_weight` replaces the model's own.
        With `compact` the matrices are rounded, in the model itself too. A graph with more than `largest_bytes` of
        weights is digested in parts, since no protocol buffer holds 2 GiB. Raises ConfigError if the
        template cannot be used, and BundleBroken, with nothing written at `out`, if the outputs of ONNX Runtime differ
        from torch's by more than the manifest's tolerance.
        """
        context_length = self.graphs.text_backbone.context_length
        tokenizer = Tokenizer.open(self.tokenizer_file, context_length=context_length)
        template = Template.parse(self.template)
        preprocessing = Preprocessing.from_resize(self.graphs.image_backbone.resize)
        if compact:
            self.graphs.make_compact()
        pixels, tokens = _sample_inputs(tokenizer, template, image_size=preprocessing.image_size)
        parts = _parts(self.graphs, pixels, tokens)
        with TemporaryDirectory() as scratch, closing(Blob(bundle.WEIGHTS, Path(scratch) / bundle.WEIGHTS)) as blob:
            traces = _traced(parts, blob, compact=compact, largest_bytes=largest_bytes)
            traces.space.update(preprocessing.model_dump_json().encode())
            manifest = Manifest(
                method=self.method,
                backbone=self.backbone,
                dimension=parts["gallery"].outputs["vector"].shape[1],
                context_length=context_length,
                preprocessing=preprocessing,
                template=self.template,
                slot=tokenizer.slot(template),
                text_weight=self.text_weight if text_weight is None else text_weight,
                model_id=f"{self.method}-{traces.whole.hexdigest()[:12]}",
                space_id=traces.space.hexdigest()[:16],
                precision=traces.precision,
                tolerance=bundle.TOLERANCES[traces.precision],
                files={},
            )
            files: dict[str, Content] = dict(traces.files)
            if isinstance(self.graphs.gallery, ImageGraph) and isinstance(self.graphs.image_backbone, Backbone):
                files[parameter_map.FILE] = parameter_map.encoded(self.graphs, blob)  # may add to the blob
            files |= {
                bundle.WEIGHTS: blob.file,
                **{path.name: path.read_bytes() for path in self._vocabulary()},
                bundle.SELF_TEST: _record(parts, pixels, tokens),
                "train.toml": config.encode(),
            }
            if self.known_images is not None:
                files[bundle.KNOWN_IMAGES] = self.known_images.encoded()
            return write_verified(out, files, manifest)

    def _vocabulary(self) -> Iterator[Path]:
        """Yield the tokenizer's file, and that of its words if it has one."""
        yield self.tokenizer_file
        words = self.tokenizer_file.with_name(spelling.FILE)
        if words.is_file():
            yield words


@dataclass(slots=True)
class _Traces:
    """The graphs as files, the digests of what they compute, and the lowest precision of their products."""

    files: dict[str, bytes] = field(default_factory=dict)
    whole: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    space: "hashlib._Hash" = field(default_factory=hashlib.sha256)  # the gallery's alone
    precision: Precision = "float32"


def _traced(parts: Mapping[str, "_Part"], blob: Blob, *, compact: bool, largest_bytes: int) -> _Traces:
    """Trace the graphs one at a time, since all of a large model together would fill the memory."""
    traces = _Traces()
    for name, part in parts.items():
        digests = [traces.whole, traces.space] if name == "gallery" else [traces.whole]
        proto = traced(part.module, list(part.inputs.values()), list(part.inputs), list(part.outputs))
        is_large = weight_bytes(proto) > largest_bytes
        if not is_large:  # with its weights: both digests depend on them
            _update(digests, [proto.SerializeToString(deterministic=True)])
        blob.take(proto, multiply_in_8_bits=compact)
        if any(node.domain == ORT_DOMAIN for node in proto.graph.node):
            traces.precision = "int8"
        traces.files[f"{name}.onnx"] = graph = proto.SerializeToString(deterministic=True)
        if is_large:
            _update(digests, [graph])
            _update(digests, blob.parts(proto))
        else:
            traces.whole.update(graph)  # the products may be in 8 bits
    return traces


def _update(digests: Sequence["hashlib._Hash"], contents: Iterable[bytes]) -> None:
    for content in contents:
        for digest in digests:
            digest.update(content)


def _parts(graphs: Graphs, pixels: Tensor, tokens: Tensor) -> dict[str, "_Part"]:
    """Return the graphs by their names in the bundle, in the order in which they are digested."""
    image, text = {"pixels": pixels}, {"tokens": tokens}
    parts = {"gallery": _part(graphs.gallery, image, ("vector",))}
    if isinstance(graphs.query, Split):
        parts["reference"] = _part(graphs.query.reference, image, graphs.query.features)
        features = parts["reference"].outputs
        parts["compose"] = _part(graphs.query.compose, {**features, **text}, ("composed", "text"))
    elif isinstance(graphs.query, nn.Module):
        parts["query"] = _part(graphs.query, {**image, **text}, ("composed", "text"))
    parts["text"] = _part(graphs.text, text, ("vector",))
    if isinstance(graphs.query, OfVectors):
        vectors = {name: parts[graph].outputs["vector"] for name, graph in (("vector", "gallery"), ("text", "text"))}
        parts["compose"] = _part(graphs.query.compose, vectors, ("composed",))
    return parts


@dataclass(frozen=True, slots=True)
class _Part:
    """One graph before its export, with sample inputs and torch's outputs for them."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def _part(module: nn.Module, inputs: Mapping[str, Tensor], names: tuple[str, ...]) -> _Part:
    """Run the module; the outputs take the first of the names, as the last one may be missing."""
    with torch.no_grad():
        output = module.eval()(*inputs.values())
    outputs = (output,) if isinstance(output, Tensor) else tuple(output)
    return _Part(module, inputs, dict(zip(names, outputs, strict=False)))


def _record(parts: Mapping[str, _Part], pixels: Tensor, tokens: Tensor) -> bytes:
    """Return the inputs and outputs that the self-test replays, as an .npz file."""
    query = next((parts[name].outputs for name in ("compose", "query") if name in parts), {})
    values = {
        "pixels": pixels,
        "tokens": tokens,
        "gallery": parts["gallery"].outputs["vector"],
        "text": parts["text"].outputs["vector"],
        "composed": query.get("composed", parts["gallery"].outputs["vector"]),
    }
    if "text" in query:
        values["query_text"] = query["text"]
    record = io.BytesIO()
    arrays: dict[str, NDArray[np.generic]] = {name: tensor.numpy() for name, tensor in values.items()}
    np.savez(record, allow_pickle=False, **arrays)
    return record.getvalue()


def _sample_inputs(tokenizer: Tokenizer, template: Template, *, image_size: int) -> tuple[Tensor, Tensor]:
    """Pixels (B, 3, S, S): ramps of colour with noise; tokens (B, L): an empty, a short and an overlong text."""
    random = np.random.Generator(np.random.PCG64(0))
    ramp = np.linspace(0, 200, image_size, dtype=np.float32)
    images = [ramp[None, :, None] * (row / BATCH) + ramp[None, None, :] * (1 - row / BATCH) for row in range(BATCH)]
    noise = random.random((BATCH, 3, image_size, image_size), dtype=np.float32) * 55
    pixels: NDArray[np.uint8] = (np.stack(images) + noise).astype(np.uint8)  # (B, 3, S, S)
    texts = ["", "in red with long sleeves", "a very long wish " * 40]
    tokens = tokenizer.encode(texts, template=template).ids  # (B, L)
    return torch.from_numpy(pixels), torch.from_numpy(tokens)
