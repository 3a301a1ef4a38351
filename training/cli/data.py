"""`likebut data`: check a source of images and texts before a run uses it."""

import argparse
import dataclasses
import sys
from pathlib import Path

from models import cli


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `check`."""
    check = verbs.add_parser("check", help="count, and list missing or broken entries; exit status 1 if there are any")
    sources = check.add_subparsers(required=True, metavar="SOURCE", dest="source")
    shards = sources.add_parser("webdataset", help="captioned images in tar shards, as img2dataset writes them")
    shards.add_argument("--caption", default="txt", help="the caption: txt, or json:caption for that field of the json")
    table = sources.add_parser("table", help="captioned images in a CSV, JSONL or Parquet table")
    table.add_argument("--image", default="image", help="the column of paths, relative to the table")
    table.add_argument("--caption", default="caption", help="the column of captions")
    lines = sources.add_parser("jsonl", help="triplets, one per line: reference, text, target and optionally caption")
    lines.add_argument("--images", type=Path, help="folder of the images; default: images, beside the file")
    laion = sources.add_parser("laion-cir", help="TransAgg's triplets, the template file or the LLM file")
    laion.add_argument("--images", type=Path, required=True, action="append", help="folder of images; may be repeated")
    laion.add_argument("--captions", type=Path, help="JSON file with captions of the images")
    synthetic = sources.add_parser("synthtriplets", help="SynthTriplets18M, loose files or tar shards")
    synthetic.add_argument("--text", default="target_caption", help="the json's field with the requested change")
    fashion = sources.add_parser(
        "fashioniq", help="with --images FashionIQ's triplets, a caption file or a folder of them; else its benchmark"
    )
    fashion.add_argument("--images", type=Path, help="folder of the triplets' images")
    orders = ("written", "reversed", "both")
    fashion.add_argument("--order", choices=orders, default="written", help="how two captions are joined to a text")
    cirr = sources.add_parser("cirr", help="with --images CIRR's triplets, a caption file; else its benchmark")
    cirr.add_argument("--images", type=Path, help="folder of the triplets' images, NLVR2's")
    circo = sources.add_parser("circo", help="the benchmark CIRCO")
    genecis = sources.add_parser("genecis", help="the benchmark GeneCIS, its four tasks")
    cirr.add_argument("--split", help="with --images the split file, with the paths of the images; else val or test1")
    fashion.add_argument("--split", choices=("val",), help="of the benchmark")
    circo.add_argument("--split", choices=("val", "test"), help="this split alone")
    genecis.add_argument("--split", choices=("val",), help="the only one")
    for source in (shards, table, lines, laion, synthetic, fashion, cirr, circo, genecis):
        source.add_argument("path", help="a file, a folder, or a pattern of shards such as {00000..00331}.tar")
        source.add_argument("--decode", action="store_true", help="decode every image, not only its header")
        source.add_argument("--workers", type=cli.at_least(0), default=2, help="processes that read images")
        source.add_argument("--json", action="store_true", help="one JSON object on stdout")
        source.set_defaults(verb=_check)
    for source in (circo, genecis):
        source.set_defaults(verb=_check_benchmark)
    for source in (shards, table, lines, laion, synthetic, fashion, cirr):
        source.add_argument("--skip", type=Path, help="leave out the rows that this file names")
        source.add_argument("--skip-file", type=Path, metavar="OUT", help="write the names of all unusable rows")


def _check(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from training.data import check, rows
    from training.data.formats import captioned_table, cirr, fashioniq, jsonl, laion_cir, synthtriplets, webdataset

    path = arguments.path
    if arguments.source in ("fashioniq", "cirr") and arguments.images is None:
        _check_benchmark(arguments)
        return
    loaded: rows.LoadedRows[rows.Captioned] | rows.LoadedRows[rows.Triplets]
    match arguments.source:
        case "webdataset":
            loaded = webdataset.find(path, caption=arguments.caption)
        case "table":
            loaded = captioned_table.find(Path(path), image=arguments.image, caption=arguments.caption)
        case "jsonl":
            loaded = jsonl.find(Path(path), images=arguments.images)
        case "laion-cir":
            loaded = laion_cir.find(Path(path), images=arguments.images, captions=arguments.captions)
        case "fashioniq":
            loaded = fashioniq.find(Path(path), images=arguments.images, order=arguments.order)
        case "cirr":
            if arguments.split is None:
                raise ConfigError("--images needs --split, the split file: it has the paths of the images")
            loaded = cirr.find(Path(path), split=Path(arguments.split), images=arguments.images)
        case _:
            loaded = synthtriplets.find(path, text=arguments.text)
    if arguments.skip is not None:
        loaded = loaded.without(arguments.skip)
    report = check.check(loaded, decode=arguments.decode, workers=arguments.workers)
    if arguments.skip_file is not None:
        rows.write_skipped(arguments.skip_file, report.flaws)
    if arguments.json:
        cli.show(dataclasses.asdict(report), as_json=True)
    else:
        cli.show(check.facts(report), as_json=False)
        print("\n".join(check.listed(report.flaws, rest="--skip-file writes them all")))
    if report.flaws:
        sys.exit(1)  # 2 means that the source could not be read


def _check_benchmark(arguments: argparse.Namespace) -> None:
    """Check every split of the folder, or the requested one."""
    from models.errors import ConfigError
    from training.data import check
    from training.evaluation import check as benchmarks
    from training.evaluation.benchmarks import published

    if getattr(arguments, "skip", None) or getattr(arguments, "skip_file", None):
        raise ConfigError("a benchmark is checked whole: --skip and --skip-file need --images, for training triplets")
    name, folder = arguments.source, Path(arguments.path)
    preset = published.PRESETS[name]
    if arguments.split not in (None, *preset.splits):  # for cirr it may also be a file
        raise ConfigError(f"{name} has the splits {', '.join(preset.splits)}; a split file needs --images")
    reports = []
    for split in [arguments.split] if arguments.split else preset.splits:
        benchmark = published.load(name, folder, split=split, variant=next(iter(preset.variants)))
        reports.append(benchmarks.folder(benchmark, folder, decode=arguments.decode, workers=arguments.workers))
    if arguments.json:
        cli.show({report.split: dataclasses.asdict(report) for report in reports}, as_json=True)
    else:
        for report in reports:
            cli.show(benchmarks.facts(report), as_json=False)
            lines = check.listed([*report.flaws, *report.remarks], rest="--json names them all")
            print("\n".join([*lines, ""]))
    if any(report.flaws for report in reports):
        sys.exit(1)  # 2 means that the source could not be read
