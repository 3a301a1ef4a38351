"""The training command line: catalogue, data, triplets, train, export, tailor, evaluate, report and more."""

import argparse
import sys
from collections.abc import Sequence

from models import cli
from training.cli import (
    calibrate,
    catalogue,
    compare,
    data,
    evaluate,
    export,
    quantize,
    report,
    submission,
    tailor,
    train,
    triplets,
)


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="likebut", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=help)

    def group(name: str, help: str) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
        return verb(name, help).add_subparsers(required=True, metavar="VERB")

    catalogue.add(verb("catalogue", "draw a shop: images, an item table and triplets"))
    data.add(group("data", "count a source of images and texts, and list missing or broken entries"))
    triplets.add(group("triplets", "make triplets from images alone, look at them, tune their reformulator"))
    train.add(verb("train", "train as a config says, or continue an interrupted run"))
    export.add(verb("export", "turn a finished run, or an open_clip model, into a bundle"))
    quantize.add(verb("quantize", "turn a bundle's large products to 8 bits, if its recall stays"))
    tailor.add(verb("tailor", "train on a shop's own products, and write the bundle if it is better"))
    calibrate.add(verb("calibrate", "fit what a bundle's scores mean"))
    benchmarks = verb("evaluate", "measure a bundle on a benchmark")
    evaluate.add(benchmarks.add_subparsers(required=True, metavar="BENCHMARK", dest="benchmark"))
    report.add(verb("report", "write a result as a page with plots, hits and misses"))
    compare.add(verb("compare", "show results of one benchmark side by side, as a Markdown table"))
    submission.add(group("submission", "write and check files for the test servers of CIRR and CIRCO"))
    return cli.run(parser, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
