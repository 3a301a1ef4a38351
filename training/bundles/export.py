"""Torch modules to a bundle: ONNX graphs with shared weights, parity checked, written whole or not at all."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import bundle
from models.bundle import Manifest, Preprocessing
from models.errors import ConfigError
from models.nets import weighted_sum
from models.nets.backbone import Backbone, context_length
from models.nets.reformulation_graphs import ReformulationGalleryGraph, ReformulationQueryGraph
from models.nets.two_stage import Reference, TwoStage
from models.nets.two_stage_graphs import TwoStageComposeGraph, TwoStageReferenceGraph
from models.tokenizer import Template, Tokenizer
from training.bundles.onnx_graph import Blob, Graphs, Split, traced
from training.bundles.verified_write import proven
from training.engine import backbones, checkpoint, vocabulary
from training.methods import config
from training.methods.clip import contrast
from training.methods.clip.config import ContrastConfig
from training.methods.clip4cir import clip4cir
from training.methods.clip4cir.config import Clip4CirConfig
from training.methods.instruct import instruct
from training.methods.instruct.config import InstructConfig
from training.methods.instruct.reformulating import Pair
from training.methods.pseudo_words import pseudo_words
from training.methods.reranker import extend
from training.methods.reranker.config import RerankConfig
from training.methods.slerp import slerp
from training.methods.slerp.config import SlerpConfig
from training.methods.transagg import transagg
from training.methods.transagg.config import TransAggConfig
from training.methods.two_stage import two_stage
from training.methods.two_stage.config import TwoStageConfig

TOLERANCE = 2e-4  # on components of unit vectors; float32 sums in another order stay well below
BATCH = 3  # rows of the self-test


@dataclass(frozen=True, slots=True)
class ExportedMethod:
    """What the manifest says of a method."""

    name: str
    backbone: str
    template: str
    text_weight: float


def run(folder: Path, *, out: Path, text_weight: float | None = None, stage: str | None = None) -> Manifest:
    """Exports a finished run: of a contrastive one the sum baseline, of the others their composed queries, of a
    re-ranker the bundle that ranks first with one more graph.

    `stage` names the last stage that counts: "mapping" leaves out a two-stage run's second, "reformulating" the
    combiner. `text_weight` None is one half for the sum, 1 − λ for InstructCIR's combiner, and 0 else: a composed query
    has read the words. Raises ConfigError where nothing is finished.
    """
    settings = config.read(folder / config.CONFIG_FILE)
    stage = config.last(settings, stage)
    if isinstance(settings, RerankConfig):
        if text_weight is not None:
            raise ConfigError("a re-ranker is added to a bundle as it is: leave out --text-weight")
        return extend.run(settings, folder, out=out)
    tokenizer = Tokenizer.open(folder / backbones.TOKENIZER, context_length=context_length(settings.backbone.name))
    if isinstance(settings, ContrastConfig):
        backbone, _ = contrast.net(settings, folder)
        checkpoint.load(backbone, checkpoint.best(folder))
        graphs, name, template, weight = summed(backbone), "sum", "{text}", 0.5
    elif isinstance(settings, TwoStageConfig):
        net = two_stage.finished(settings, folder, stage=stage)
        backbone, template, weight = net.backbone, settings.template, 0.0
        name = "two-stage" if stage == two_stage.COMPOSING else "mapping"
        _, slot = two_stage.pseudo_sentence(settings.mapping_template, tokenizer)
        graphs = composed(net, slot=slot)
    elif isinstance(settings, InstructConfig):
        pair = instruct.finished(settings, folder, stage=stage)
        backbone, template, name = pair.online.backbone, settings.template, "instruct"
        weight = 1.0 - float(pair.online.combiner.weight) if stage == instruct.COMBINING else 0.0
        graphs = reformulated(pair)
    elif isinstance(settings, TransAggConfig):
        head = transagg.finished(settings, folder)
        backbone, template, name, weight = head.backbone, settings.template, "transagg", 0.0
        graphs = transagg.graphs(head)
    elif isinstance(settings, Clip4CirConfig):
        combiner = clip4cir.finished(settings, folder)
        backbone, template, name, weight = combiner.backbone, settings.template, "clip4cir", 0.0
        graphs = clip4cir.graphs(combiner)
    elif isinstance(settings, SlerpConfig):
        backbone, template, name, weight = slerp.finished(settings, folder), "{text}", "slerp", 0.0
        graphs = slerp.graphs(backbone, share=settings.share)
    else:
        words = pseudo_words.finished(settings, folder, stage=stage)
        backbone, template, name, weight = words.backbone, settings.template, settings.method, 0.0
        graphs = pseudo_words.graphs(words, template=settings.mapping_template, tokenizer=tokenizer)
    return export(
        graphs,
        ExportedMethod(
            name=name,
            backbone=settings.backbone.name,
            template=template,
            text_weight=weight if text_weight is None else text_weight,
        ),
        image_size=backbone.image_size,
        tokenizer_file=folder / backbones.TOKENIZER,
        context_length=tokenizer.context_length,
        config=(folder / config.CONFIG_FILE).read_text(encoding="utf-8"),
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
            summed(backbone),
            ExportedMethod(name="sum", backbone=name, template="{text}", text_weight=text_weight),
            image_size=backbone.image_size,
            tokenizer_file=tokenizer_file,
            context_length=backbone.context_length,
            config=f"# open_clip {name}, weights {pretrained or 'random'}\n",
            out=out,
        )


def reformulated(pair: Pair) -> Graphs:
    """InstructCIR's graphs: the gallery by the average of the weights, the query by the network that learnt.

    The `pair` is changed for good: it gives up its average, or there would be three of a large net.
    """
    settled = pair.eval().settled()
    pair.average = None
    return Graphs(
        gallery=ReformulationGalleryGraph(settled),
        query=ReformulationQueryGraph(pair.online),
        text=weighted_sum.TextGraph(pair.online.backbone),
    )


def composed(net: TwoStage, *, slot: int) -> Graphs:
    """The two-stage method's graphs, `net` changed for good: the dead injection dropped, the adapters folded."""
    net.eval()
    net.drop_dead()
    net.fold()
    return Graphs(
        gallery=weighted_sum.ImageGraph(net.backbone),
        query=Split(TwoStageReferenceGraph(net), TwoStageComposeGraph(net, slot=slot), features=Reference._fields),
        text=weighted_sum.TextGraph(net.backbone),
    )


def summed(backbone: Backbone) -> Graphs:
    """The weighted sum's graphs, the backbone in eval mode."""
    backbone.eval()
    return Graphs(
        gallery=weighted_sum.ImageGraph(backbone),
        query=weighted_sum.SumGraph(backbone),
        text=weighted_sum.TextGraph(backbone),
    )


def export(
    graphs: Graphs,
    method: ExportedMethod,
    *,
    image_size: int,
    tokenizer_file: Path,
    context_length: int,
    config: str,
    out: Path,
) -> Manifest:
    """Writes the bundle at `out` and gives its manifest.

    `config` is the text of the training config, kept beside the graphs. Raises ConfigError for a template that cannot
    be used, and BundleBroken, with nothing written at `out`, where ONNX Runtime's outputs differ from torch's by more
    than TOLERANCE.
    """
    tokenizer = Tokenizer.open(tokenizer_file, context_length=context_length)
    template = Template.parse(method.template)
    pixels, tokens = _sample_inputs(tokenizer, template, image_size=image_size)
    parts = _parts(graphs, pixels, tokens)
    preprocessing = Preprocessing(image_size=image_size)
    space, whole, blob = hashlib.sha256(), hashlib.sha256(), Blob(bundle.WEIGHTS)
    files: dict[str, bytes | bytearray] = {}
    for name, part in parts.items():  # one at a time, since a large model's graphs together would fill the memory
        proto = traced(part.module, list(part.inputs.values()), list(part.inputs), list(part.outputs))
        content = proto.SerializeToString(deterministic=True)  # with its weights: they belong to both digests
        whole.update(content)
        if name == "gallery":
            space.update(content)
        del content
        blob.take(proto)
        files[f"{name}.onnx"] = proto.SerializeToString(deterministic=True)
    space.update(preprocessing.model_dump_json().encode())
    manifest = Manifest(
        method=method.name,
        backbone=method.backbone,
        dimension=parts["gallery"].outputs["vector"].shape[1],
        context_length=context_length,
        preprocessing=preprocessing,
        template=method.template,
        slot=tokenizer.slot(template),
        text_weight=method.text_weight,
        model_id=f"{method.name}-{whole.hexdigest()[:12]}",
        space_id=space.hexdigest()[:16],
        tolerance=TOLERANCE,
        files={},
    )
    files |= {
        bundle.WEIGHTS: blob.data,
        bundle.TOKENIZER: tokenizer_file.read_bytes(),
        bundle.SELF_TEST: _record(parts, pixels, tokens),
        "train.toml": config.encode(),
    }
    return proven(out, files, manifest)


def _parts(graphs: Graphs, pixels: Tensor, tokens: Tensor) -> dict[str, "_Part"]:
    """The graphs by their names in the bundle, in the order in which they are digested."""
    picture, words = {"pixels": pixels}, {"tokens": tokens}
    parts = {"gallery": _part(graphs.gallery, picture, ("vector",))}
    if isinstance(graphs.query, Split):
        parts["reference"] = _part(graphs.query.reference, picture, graphs.query.features)
        features = parts["reference"].outputs
        parts["compose"] = _part(graphs.query.compose, {**features, **words}, ("composed", "text"))
    else:
        parts["query"] = _part(graphs.query, {**picture, **words}, ("composed", "text"))
    return parts | {"text": _part(graphs.text, words, ("vector",))}


@dataclass(frozen=True, slots=True)
class _Part:
    """One graph to be, with inputs to try it on and torch's outputs for them."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def _part(module: nn.Module, inputs: Mapping[str, Tensor], names: tuple[str, ...]) -> _Part:
    """The outputs take the first of the names: the last one may be missing."""
    with torch.no_grad():
        found = module.eval()(*inputs.values())
    outputs = (found,) if isinstance(found, Tensor) else tuple(found)
    return _Part(module, inputs, dict(zip(names, outputs, strict=False)))


def _record(parts: Mapping[str, _Part], pixels: Tensor, tokens: Tensor) -> bytes:
    """What the self-test replays, as an .npz file."""
    query = parts["compose" if "compose" in parts else "query"].outputs
    values = {
        "pixels": pixels,
        "tokens": tokens,
        "gallery": parts["gallery"].outputs["vector"],
        "text": parts["text"].outputs["vector"],
        "composed": query["composed"],
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
    pictures = [ramp[None, :, None] * (row / BATCH) + ramp[None, None, :] * (1 - row / BATCH) for row in range(BATCH)]
    noise = random.random((BATCH, 3, image_size, image_size), dtype=np.float32) * 55
    pixels: NDArray[np.uint8] = (np.stack(pictures) + noise).astype(np.uint8)  # (B, 3, S, S)
    texts = ["", "in red with long sleeves", "a very long wish " * 40]
    tokens = tokenizer.encode(texts, template=template).ids  # (B, L)
    return torch.from_numpy(pixels), torch.from_numpy(tokens)
