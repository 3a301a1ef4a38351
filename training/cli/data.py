"""The command line of `likebut data`: what a source of pictures and words holds, before a run is given it."""

import argparse
import dataclasses
import sys
from pathlib import Path

from models import cli


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `check`."""
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
    fashion = sources.add_parser(
        "fashioniq", help="FashionIQ's triplets, a caption file or a folder of them, with --images; else its benchmark"
    )
    fashion.add_argument("--images", type=Path, help="folder of the triplets' pictures")
    fashion.add_argument(
        "--order", choices=("written", "reversed", "both"), default="written", help="how two captions make a text"
    )
    cirr = sources.add_parser("cirr", help="CIRR's triplets, a caption file, with --images; else its benchmark")
    cirr.add_argument("--images", type=Path, help="folder of the triplets' pictures, NLVR2's")
    circo = sources.add_parser("circo", help="the benchmark CIRCO")
    genecis = sources.add_parser("genecis", help="the benchmark GeneCIS, its four tasks")
    cirr.add_argument("--split", help="with --images the split file, where each picture lies; else val or test1 alone")
    fashion.add_argument("--split", choices=("val",), help="of the benchmark")
    circo.add_argument("--split", choices=("val", "test"), help="one alone")
    genecis.add_argument("--split", choices=("val",), help="the only one")
    for source in (shards, table, lines, laion, synthetic, fashion, cirr, circo, genecis):
        source.add_argument("path", help="a file, a folder, or of shards a pattern as {00000..00331}.tar")
        source.add_argument("--decode", action="store_true", help="decode every picture, not only its header")
        source.add_argument("--workers", type=cli.at_least(0), default=2, help="processes that look at pictures")
        source.add_argument("--json", action="store_true", help="one JSON object on stdout")
        source.set_defaults(verb=_check)
    for source in (circo, genecis):
        source.set_defaults(verb=_check_benchmark)
    for source in (shards, table, lines, laion, synthetic, fashion, cirr):
        source.add_argument("--skip", type=Path, help="leave out the rows that this file names")
        source.add_argument(
            "--skip-file", type=Path, metavar="OUT", help="write the names of all rows that cannot be used"
        )


def _check(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from training.data import check, rows
    from training.data.formats import captioned_table, cirr, fashioniq, jsonl, laion_cir, synthtriplets, webdataset

    path = arguments.path
    if arguments.source in ("fashioniq", "cirr") and arguments.images is None:
        _check_benchmark(arguments)
        return
    found: rows.LoadedRows[rows.Captioned] | rows.LoadedRows[rows.Triplets]
    match arguments.source:
        case "webdataset":
            found = webdataset.find(path, caption=arguments.caption)
        case "table":
            found = captioned_table.find(Path(path), image=arguments.image, caption=arguments.caption)
        case "jsonl":
            found = jsonl.find(Path(path), images=arguments.images)
        case "laion-cir":
            found = laion_cir.find(Path(path), images=arguments.images, captions=arguments.captions)
        case "fashioniq":
            found = fashioniq.find(Path(path), images=arguments.images, order=arguments.order)
        case "cirr":
            if arguments.split is None:
                raise ConfigError("with --images goes --split, the split file: it says where each picture lies")
            found = cirr.find(Path(path), split=Path(arguments.split), images=arguments.images)
        case _:
            found = synthtriplets.find(path, text=arguments.text)
    if arguments.skip is not None:
        found = found.without(arguments.skip)
    report = check.check(found, decode=arguments.decode, workers=arguments.workers)
    if arguments.skip_file is not None:
        rows.write_skipped(arguments.skip_file, report.flaws)
    if arguments.json:
        cli.show(dataclasses.asdict(report), as_json=True)
    else:
        cli.show(check.facts(report), as_json=False)
        print("\n".join(check.listed(report.flaws, rest="--skip-file writes them all")))
    if report.flaws:
        sys.exit(1)  # 2 is for what could not be looked at


def _check_benchmark(arguments: argparse.Namespace) -> None:
    """Every split of the folder, or the one that was named."""
    from models.errors import ConfigError
    from training.data import check
    from training.evaluation import check as benchmarks
    from training.evaluation.benchmarks import published

    if getattr(arguments, "skip", None) or getattr(arguments, "skip_file", None):
        raise ConfigError(
            "a benchmark is asked whole: --skip and --skip-file go with --images and triplets to train on"
        )
    name, folder = arguments.source, Path(arguments.path)
    preset = published.PRESETS[name]
    if arguments.split not in (None, *preset.splits):  # cirr's may be a file, too
        raise ConfigError(f"{name} has the splits {', '.join(preset.splits)}; a split file goes with --images")
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
        sys.exit(1)  # 2 is for what could not be looked at
