"""The training command line: catalogue, data, train, export, evaluate."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from models import command

SEED = 7  # of the world that the shipped bundles and the documented numbers come from


def main(argv: Sequence[str]) -> int:
    """Runs one command and gives its exit status."""
    parser = argparse.ArgumentParser(prog="likebut", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    catalogue = verbs.add_parser("catalogue", help="draw a shop: pictures, an items table and triplets")
    catalogue.add_argument("out", type=Path, help="folder to write into")
    catalogue.add_argument("--split", choices=("train", "val", "test"), default="test")
    catalogue.add_argument("--products", type=command.at_least(2), default=5_000)
    catalogue.add_argument("--triplets", type=command.at_least(0), default=2_500)
    catalogue.add_argument("--size", type=command.at_least(16), default=256, help="side of a picture in pixels")
    catalogue.add_argument("--seed", type=int, default=SEED)
    catalogue.add_argument("--workers", type=command.at_least(1), default=2, help="drawing processes")
    catalogue.add_argument("--force", action="store_true", help="replace another catalogue at OUT")
    catalogue.set_defaults(verb=_catalogue)

    data = verbs.add_parser("data", help="count a source of pictures and words and find what is missing or broken")
    _add_check(data.add_subparsers(required=True, metavar="VERB"))

    train = verbs.add_parser("train", help="train as a config says, or go on where a run stopped")
    train.add_argument("config", type=Path, help="a TOML file: see training/configs")
    train.add_argument(
        "--out", type=Path, required=True, help="the run's folder; drawn pictures are kept in OUT/../cache"
    )
    train.add_argument(
        "--until", choices=("mapping", "composing"), default="composing", help="the last stage of a two-stage run"
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
        type=command.share,
        help="default share of the text in a composed query (sum: .5, two-stage: 0)",
    )
    export.add_argument(
        "--stage", choices=("mapping", "composing"), default="composing", help="the last stage of a two-stage run"
    )
    export.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    export.set_defaults(verb=_export)

    evaluate = verbs.add_parser("evaluate", help="measure a bundle on a benchmark")
    benchmarks = evaluate.add_subparsers(required=True, metavar="BENCHMARK", dest="benchmark")
    composed = benchmarks.add_parser("catalogue", help="composed retrieval in a drawn shop")
    composed.add_argument("--queries", type=command.at_least(1), default=2_500)
    composed.add_argument("--text-weight", type=command.share, help="instead of the bundle's default")
    words = benchmarks.add_parser("pseudo-words", help='"a photo of *" of each picture of a drawn shop finds it again')
    captions = benchmarks.add_parser("captions", help="text to image retrieval among drawn products")
    for benchmark in (composed, words, captions):
        benchmark.add_argument("--bundle", type=Path, required=True)
        benchmark.add_argument("--products", type=command.at_least(2), default=5_000, help="items of the gallery")
        benchmark.add_argument("--split", choices=("val", "test"), default="test", help="val is for choosing settings")
        benchmark.add_argument("--seed", type=int, default=SEED)
        benchmark.add_argument("--provider", choices=("cpu", "cuda", "tensorrt"), default="cpu")
        benchmark.add_argument("--cache", type=Path, metavar="DIR", help="keep drawn pictures and galleries there")
        benchmark.add_argument("--out", type=Path, metavar="RESULT.json", help="keep the result, query by query")
        benchmark.add_argument("--json", action="store_true", help="one JSON object on stdout")
        benchmark.set_defaults(verb=_evaluate)

    compare = verbs.add_parser("compare", help="set results of one benchmark side by side, as a Markdown table")
    compare.add_argument("results", type=Path, nargs="+", metavar="RESULT.json", help="what evaluate --out left")
    compare.add_argument("--against", metavar="ROW", help="the row that the others are set against; else the best")
    compare.add_argument("--json", action="store_true", help="one JSON object on stdout")
    compare.set_defaults(verb=_compare)
    return command.run(parser, argv)


def _catalogue(arguments: argparse.Namespace) -> None:
    from training.catalogue import contact_sheet, sample, write

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


def _add_check(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = verbs.add_parser("check", help="count, list what is missing or broken; exit status 1 where anything is")
    sources = check.add_subparsers(required=True, metavar="SOURCE", dest="source")
    shards = sources.add_parser("webdataset", help="captioned pictures in tar shards, as img2dataset writes them")
    shards.add_argument("--caption", default="txt", help="the caption: txt, or json:caption for that field of the json")
    table = sources.add_parser("table", help="captioned pictures in a CSV, JSONL or Parquet table")
    table.add_argument("--image", default="image", help="the column of paths, relative to the table")
    table.add_argument("--caption", default="caption", help="the column of captions")
    lines = sources.add_parser("jsonl", help="triplets: reference, text, target and maybe caption, a line each")
    lines.add_argument("--images", type=Path, help="folder of the pictures; images beside the file where none is named")
    laion = sources.add_parser("laion-cir", help="TransAgg's triplets, the template file or the LLM file")
    laion.add_argument(
        "--images", type=Path, required=True, action="append", help="folder of pictures; may be repeated"
    )
    laion.add_argument("--captions", type=Path, help="JSON file with captions of the pictures")
    synthetic = sources.add_parser("synthtriplets", help="SynthTriplets18M, loose files or tar shards")
    synthetic.add_argument("--text", default="target_caption", help="the json's field with the wanted change")
    for source in (shards, table, lines, laion, synthetic):
        source.add_argument("path", help="a file, a folder, or of shards a pattern as {00000..00331}.tar")
        source.add_argument("--skip", type=Path, help="leave out the rows that this file names")
        source.add_argument("--decode", action="store_true", help="decode every picture, not only its header")
        source.add_argument("--workers", type=command.at_least(0), default=2, help="processes that look at pictures")
        source.add_argument(
            "--skip-file", type=Path, metavar="OUT", help="write the names of all rows that cannot be used"
        )
        source.add_argument("--json", action="store_true", help="one JSON object on stdout")
        source.set_defaults(verb=_check)


def _check(arguments: argparse.Namespace) -> None:
    from training import check
    from training.datasets import jsonl, laion_cir, rows, synthtriplets, table, webdataset

    path = arguments.path
    found: rows.Found[rows.Captioned] | rows.Found[rows.Triplets]
    match arguments.source:
        case "webdataset":
            found = webdataset.find(path, caption=arguments.caption)
        case "table":
            found = table.find(Path(path), image=arguments.image, caption=arguments.caption)
        case "jsonl":
            found = jsonl.find(Path(path), images=arguments.images)
        case "laion-cir":
            found = laion_cir.find(Path(path), images=arguments.images, captions=arguments.captions)
        case _:
            found = synthtriplets.find(path, text=arguments.text)
    if arguments.skip is not None:
        found = found.without(arguments.skip)
    report = check.check(found, decode=arguments.decode, workers=arguments.workers)
    if arguments.skip_file is not None:
        rows.write_skipped(arguments.skip_file, report.flaws)
    if arguments.json:
        command.show(dataclasses.asdict(report), as_json=True)
    else:
        command.show(check.facts(report), as_json=False)
        print("\n".join(check.listed(report)))
    if report.flaws:
        sys.exit(1)  # 2 is for what could not be looked at


def _train(arguments: argparse.Namespace) -> None:
    from training import runs

    runs.train(arguments.config, arguments.out, until=arguments.until, mapping=arguments.mapping)


def _export(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from training import export

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
    command.show(manifest.model_dump(exclude={"files"}), as_json=False)


def _evaluate(arguments: argparse.Namespace) -> None:
    from models.encoder import Encoder
    from training.evaluation import catalogue

    encoder = Encoder.open(arguments.bundle, provider=arguments.provider)
    split, products, seed, cache = arguments.split, arguments.products, arguments.seed, arguments.cache
    match arguments.benchmark:
        case "catalogue":
            weight = encoder.manifest.text_weight if arguments.text_weight is None else arguments.text_weight
            queries = arguments.queries
            result = catalogue.composed(
                encoder, split=split, products=products, queries=queries, seed=seed, text_weight=weight, cache=cache
            )
        case "pseudo-words":
            result = catalogue.pseudo_words(encoder, split=split, products=products, seed=seed, cache=cache)
        case _:
            result = catalogue.captions(encoder, split=split, products=products, seed=seed, cache=cache)
    if arguments.out is not None:
        result.write(arguments.out)
    if arguments.json:
        print(json.dumps(result.summary(), ensure_ascii=False, allow_nan=False))
        return
    for name, value in {**dataclasses.asdict(result.protocol), **dataclasses.asdict(result.model)}.items():
        print(f"{name.replace('_', ' '):>20}  {value}")
    for name, row in result.rows.items():
        cells = (f"{metric} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for metric, e in row.items())
        print(f"{name:>20}  " + "   ".join(cells))


def _compare(arguments: argparse.Namespace) -> None:
    from training.evaluation import compare

    rows = compare.rows(arguments.results)
    found = compare.compare(rows, against=arguments.against or compare.best(rows))
    if arguments.json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False, allow_nan=False))
    else:
        print(compare.markdown(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
