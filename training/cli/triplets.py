"""`likebut triplets`: make triplets from images, show them, tune their reformulator."""

import argparse
import dataclasses
from pathlib import Path

from models import cli
from training.cli.evaluate import SEED


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs `make`, `captions`, `page` and `tune`."""
    make = verbs.add_parser("make", help="draw pairs, get captions and texts, filter; or continue an interrupted run")
    make.add_argument("config", type=Path, help="a TOML file: see training/triplets/configs")
    make.add_argument("--out", type=Path, required=True, help="folder of the answers, the triplets and the report")
    make.add_argument("--parquet", action="store_true", help="write triplets.parquet too")
    make.add_argument("--json", action="store_true", help="the report as one JSON object on stdout")
    make.set_defaults(verb=_make)
    captions = verbs.add_parser("captions", help="caption every image as a table, to train on; or continue")
    captions.add_argument("config", type=Path, help="a TOML file: see training/triplets/configs/captions-cc3m.toml")
    captions.add_argument("--out", type=Path, required=True, help="folder of the answers and captions.jsonl")
    captions.add_argument("--json", action="store_true", help="the report as one JSON object on stdout")
    captions.set_defaults(verb=_captions)
    page = verbs.add_parser("page", help="write DIR/triplets.html: triplets to look at, and rejected texts")
    page.add_argument("folder", type=Path, help="the --out folder of make")
    page.add_argument("--count", type=cli.at_least(1), default=100, help="triplets on the page")
    page.add_argument("--images", type=Path, help="folder of the images; default: the folder of the run")
    page.add_argument("--seed", type=int, default=SEED)
    page.set_defaults(verb=_page)
    tune = verbs.add_parser("tune", help="fine-tune a local reformulator with LoRA, or continue an interrupted run")
    tune.add_argument("seeds", type=Path, help='JSON lines: {"caption_a", "caption_b", "text"}')
    tune.add_argument("--model", required=True, help="a causal language model: a folder, or a name on the hub")
    tune.add_argument("--out", type=Path, required=True, help="the adapter's folder")
    tune.add_argument("--prompt", default="", metavar="FILE", help="instead of the paper's prompt")
    tune.add_argument("--rank", type=cli.at_least(1), default=16)
    tune.add_argument("--alpha", type=cli.at_least(1), default=32)
    tune.add_argument("--dropout", type=cli.share, default=0.05)
    tune.add_argument("--epochs", type=cli.at_least(1), default=10)
    tune.add_argument("--learning-rate", type=float, default=2e-4)
    tune.add_argument("--batch", type=cli.at_least(2), default=16)
    tune.add_argument("--microbatch", type=cli.at_least(0), default=0, help="rows per forward pass")
    tune.add_argument("--held-out", type=cli.at_least(2), default=64, help="seeds that choose the best epoch")
    tune.add_argument("--longest", type=cli.at_least(16), default=1024, help="tokens of a seed, at most")
    tune.add_argument("--device", default="cpu", help="cpu or cuda")
    tune.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the model's weights")
    tune.add_argument("--seed", type=int, default=SEED)
    tune.set_defaults(verb=_tune)


def _make(arguments: argparse.Namespace) -> None:
    from training.triplets import config, make

    report = make.make(config.read(arguments.config), arguments.out, with_parquet=arguments.parquet)
    cli.show(report if arguments.json else make.facts(report), as_json=arguments.json)


def _captions(arguments: argparse.Namespace) -> None:
    from training.triplets import config, describe

    report = describe.describe(config.read_captions(arguments.config), arguments.out)
    cli.show(report, as_json=arguments.json)


def _page(arguments: argparse.Namespace) -> None:
    from training.triplets import page

    path = page.show(arguments.folder, count=arguments.count, images=arguments.images, seed=arguments.seed)
    cli.show({"page": path}, as_json=False)


def _tune(arguments: argparse.Namespace) -> None:
    from training.triplets import config, tune

    prompt = config.prompt(arguments.prompt, default="reformulate.txt", fields=("{caption_a}", "{caption_b}"))
    names = [field.name for field in dataclasses.fields(tune.TuneSettings)]
    settings = tune.TuneSettings(**{name: getattr(arguments, name) for name in names})
    reached = tune.tune(arguments.seeds, model=arguments.model, out=arguments.out, prompt=prompt, settings=settings)
    cli.show(reached, as_json=False)
