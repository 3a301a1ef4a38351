"""The training command line: catalogue, data, triplets, train, export, evaluate, report, compare, submission."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from models import cli
from training.cli import data as data_command
from training.cli import evaluate as evaluate_command
from training.cli import report as report_command
from training.cli import submission as submission_command
from training.cli.evaluate import SEED


def main(argv: Sequence[str]) -> int:
    """Runs one command and gives its exit status."""
    parser = argparse.ArgumentParser(prog="likebut", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    catalogue = verbs.add_parser("catalogue", help="draw a shop: pictures, an items table and triplets")
    catalogue.add_argument("out", type=Path, help="folder to write into")
    catalogue.add_argument("--split", choices=("train", "val", "test"), default="test")
    catalogue.add_argument("--products", type=cli.at_least(2), default=5_000)
    catalogue.add_argument("--triplets", type=cli.at_least(0), default=2_500)
    catalogue.add_argument("--size", type=cli.at_least(16), default=256, help="side of a picture in pixels")
    catalogue.add_argument("--seed", type=int, default=SEED)
    catalogue.add_argument("--workers", type=cli.at_least(1), default=2, help="drawing processes")
    catalogue.add_argument("--force", action="store_true", help="replace another catalogue at OUT")
    catalogue.set_defaults(verb=_catalogue)

    data = verbs.add_parser("data", help="count a source of pictures and words and find what is missing or broken")
    data_command.add(data.add_subparsers(required=True, metavar="VERB"))

    triplets = verbs.add_parser("triplets", help="make triplets from pictures alone, look at them, tune their writer")
    _add_triplets(triplets.add_subparsers(required=True, metavar="VERB"))

    train = verbs.add_parser("train", help="train as a config says, or go on where a run stopped")
    train.add_argument("config", type=Path, help="a TOML file: see training/configs")
    train.add_argument(
        "--out", type=Path, required=True, help="the run's folder; drawn pictures are kept in OUT/../cache"
    )
    train.add_argument(
        "--until",
        metavar="STAGE",
        help="the last stage to train: mapping, composing; reformulating, combining; inverting, distilling; …",
    )
    train.add_argument("--mapping", type=Path, metavar="RUN", help="take over the first stage of another run")
    train.set_defaults(verb=_train)

    export = verbs.add_parser("export", help="turn a finished run, or an open_clip model, into a bundle")
    what = export.add_mutually_exclusive_group(required=True)
    what.add_argument("run", type=Path, nargs="?", help="a run's folder")
    what.add_argument("--model", help="an open_clip model's name instead of a run")
    export.add_argument("--pretrained", help="with --model, its weights: one of open_clip's tags, or a file")
    export.add_argument(
        "--text-weight",
        type=cli.share,
        help="default share of the text in a composed query (sum: .5, two-stage, transagg: 0, instruct: as learnt)",
    )
    export.add_argument("--stage", metavar="STAGE", help="the last stage that counts, as in train")
    export.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    export.set_defaults(verb=_export)

    evaluate = verbs.add_parser("evaluate", help="measure a bundle on a benchmark")
    evaluate_command.add(evaluate.add_subparsers(required=True, metavar="BENCHMARK", dest="benchmark"))

    report_command.add(verbs.add_parser("report", help="write a result as a page with plots, hits and misses"))

    compare = verbs.add_parser("compare", help="set results of one benchmark side by side, as a Markdown table")
    compare.add_argument("results", type=Path, nargs="+", metavar="RESULT.json", help="what evaluate --out left")
    compare.add_argument("--against", metavar="ROW", help="the row that the others are set against; else the best")
    compare.add_argument("--metric", help="whose differences are shown; else the headline's")
    compare.add_argument("--group", help="of these queries alone: a category, a semantic aspect, a task")
    compare.add_argument("--json", action="store_true", help="one JSON object on stdout")
    compare.set_defaults(verb=_compare)

    submission = verbs.add_parser("submission", help="write and check files for the test servers of CIRR and CIRCO")
    submission_command.add(submission.add_subparsers(required=True, metavar="VERB"))
    return cli.run(parser, argv)


def _catalogue(arguments: argparse.Namespace) -> None:
    from training.catalogue import contact_sheet, write
    from training.catalogue.world import sample

    write.write(
        arguments.out,
        split=arguments.split,
        products=arguments.products,
        triplets=arguments.triplets,
        size=arguments.size,
        seed=arguments.seed,
        workers=arguments.workers,
        force=arguments.force,
    )
    first = sample.catalogue(arguments.products, split=arguments.split, seed=arguments.seed)[:40]
    sheet = contact_sheet.contact_sheet(first, columns=8, size=128)
    sheet.save(arguments.out / "contact-sheet.jpg", quality=88)


def _add_triplets(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    make = verbs.add_parser("make", help="draw pairs, ask for captions and texts, filter; or go on where a run stopped")
    make.add_argument("config", type=Path, help="a TOML file: see training/triplets/configs")
    make.add_argument("--out", type=Path, required=True, help="folder of the answers, the triplets and the report")
    make.add_argument("--parquet", action="store_true", help="write triplets.parquet too")
    make.add_argument("--json", action="store_true", help="the report as one JSON object on stdout")
    make.set_defaults(verb=_make_triplets)
    page = verbs.add_parser("page", help="write DIR/triplets.html: triplets to look at, and what was rejected")
    page.add_argument("folder", type=Path, help="what make wrote")
    page.add_argument("--count", type=cli.at_least(1), default=100, help="triplets on the page")
    page.add_argument("--images", type=Path, help="folder of the pictures; the one of the run where none is named")
    page.add_argument("--seed", type=int, default=SEED)
    page.set_defaults(verb=_triplets_page)
    tune = verbs.add_parser("tune", help="fine-tune a local reformulator with LoRA, or go on where a run stopped")
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
    tune.add_argument("--microbatch", type=cli.at_least(0), default=0, help="rows that go through the model at once")
    tune.add_argument("--held-out", type=cli.at_least(2), default=64, help="seeds that choose the best epoch")
    tune.add_argument("--longest", type=cli.at_least(16), default=1024, help="tokens of a seed, at most")
    tune.add_argument("--device", default="cpu", help="cpu or cuda")
    tune.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the model's weights")
    tune.add_argument("--seed", type=int, default=SEED)
    tune.set_defaults(verb=_tune)


def _make_triplets(arguments: argparse.Namespace) -> None:
    from training.triplets import config, make

    report = make.make(config.read(arguments.config), arguments.out, with_parquet=arguments.parquet)
    cli.show(report if arguments.json else make.facts(report), as_json=arguments.json)


def _triplets_page(arguments: argparse.Namespace) -> None:
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


def _train(arguments: argparse.Namespace) -> None:
    from training.methods import runs

    runs.train(arguments.config, arguments.out, until=arguments.until, mapping=arguments.mapping)


def _export(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from training.bundles import export

    if (arguments.model is None) != (arguments.pretrained is None):
        raise ConfigError("--model and --pretrained go together: an open_clip name and its weights")
    if arguments.run is not None:
        weight, stage = arguments.text_weight, arguments.stage
        manifest = export.run(arguments.run, text_weight=weight, stage=stage, out=arguments.out)
    else:
        weight = 0.5 if arguments.text_weight is None else arguments.text_weight
        manifest = export.open_clip(
            arguments.model, pretrained=arguments.pretrained, text_weight=weight, out=arguments.out
        )
    cli.show(manifest.model_dump(exclude={"files"}), as_json=False)


def _compare(arguments: argparse.Namespace) -> None:
    from training.evaluation import compare

    rows = compare.rows(arguments.results)
    if arguments.group is not None:
        rows = rows.only(arguments.group)
    found = compare.compare(rows, against=arguments.against or compare.best(rows))
    if arguments.json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False, allow_nan=False))
        return
    for note in found.notes:
        print(f"> {note}\n")
    print(compare.markdown(found, metric=arguments.metric))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
