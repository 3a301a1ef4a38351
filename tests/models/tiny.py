"""A tiny two-stage model of random weights; run as a command, it exports a bundle for tests that import no torch."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import open_clip
import torch
from open_clip.model import CLIP

from models.bundle import Bundle
from models.nets.backbone import Backbone
from models.nets.reranker import Reranker
from models.nets.reranker import RerankerShape as RerankerShape
from models.nets.two_stage import TwoStage, TwoStageShape
from models.tokenizer import Template, Tokenizer
from training import vocabulary
from training.bundles.export import FinishedModel
from training.methods.reranker.extend_bundle import FinishedReranker
from training.methods.two_stage import two_stage

SIZE = 32
CONTEXT = 32
VOCABULARY = 400
TEMPLATE = "a photo of * that {text}"


def backbone(*, end: int) -> Backbone:
    """Return a CLIP of two image and three text blocks."""
    torch.manual_seed(0)
    clip = CLIP(
        24,
        {"image_size": SIZE, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 32, "heads": 2, "layers": 3},
    )
    with torch.no_grad():
        for parameter in clip.parameters():  # untrained, all images and all texts would look nearly alike
            parameter.add_(torch.randn_like(parameter) * 0.2)
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    return Backbone(clip, mean=mean, std=std, end=end).eval()


def net(*, end: int) -> TwoStage:
    """Return the two-stage net, with an injection after the last block that changes no output."""
    return TwoStage(
        backbone(end=end), TwoStageShape(injection_layers=(0, 2), adapter_layers=(0, 1, 2), bottleneck=16, rank=8)
    ).eval()


def reranker(*, end: int) -> Reranker:
    """Return a re-ranker whose scores differ: an untrained one would leave every ranking as it is."""
    tower = backbone(end=end)
    torch.manual_seed(1)
    net = Reranker(tower, RerankerShape(width=16, layers=2)).eval()
    torch.nn.init.normal_(net.head.weight, std=4.0)
    return net


def tokenizer(path: Path) -> Tokenizer:
    """Write a tokenizer of a few words and open it."""
    vocabulary.learn(["a photo of a red dress that is blue, with long sleeves"] * 9, size=VOCABULARY, path=path)
    return Tokenizer.open(path, context_length=CONTEXT)


def write(out: Path) -> None:
    """Export the two-stage net as a bundle."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "tokenizer.json"
        tokens = tokenizer(path)
        slot = tokens.slot(Template.parse(TEMPLATE))
        assert slot is not None
        model = FinishedModel(
            method="two-stage",
            backbone="tiny",
            template=TEMPLATE,
            text_weight=0.0,
            graphs=two_stage.graphs(net(end=tokens.end), slot=slot),
            tokenizer_file=path,
        )
        model.export(out, config="# tiny\n")


def write_reranking(out: Path, first: Bundle) -> None:
    """Export a bundle of `write` with a re-ranker added."""
    end = Tokenizer.open(first.file("tokenizer.json"), context_length=CONTEXT).end
    FinishedReranker(first, reranker(end=end)).export(out, config="# tiny\n")


def main(argv: Sequence[str]) -> int:
    """`python -m tests.models.tiny OUT`, or OUT and the bundle to add a re-ranker to."""
    out, *first = map(Path, argv)
    if first:
        write_reranking(out, Bundle.open(first[0]))
    else:
        write(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
