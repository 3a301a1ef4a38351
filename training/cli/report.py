"""`likebut report`: show a result as a page with plots and strips of images."""

import argparse
from pathlib import Path

from models import cli
from training.cli.evaluate import EXAMPLES


def add(report: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    report.add_argument("result", type=Path, metavar="RESULT.json", help="a file of evaluate --out")
    report.add_argument("--data", type=Path, metavar="DIR", help="folder of a published benchmark, for its images")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for report.md and its images")
    report.add_argument("--way", help="row whose hits and misses are shown; default: the bundle's own")
    report.add_argument("--examples", type=cli.at_least(1), default=EXAMPLES, help="number of hits, and of misses")
    report.set_defaults(verb=_report)


def _report(arguments: argparse.Namespace) -> None:
    from training.evaluation import report, report_images
    from training.evaluation.benchmarks import published
    from training.evaluation.result import Result

    found = Result.read(arguments.result)
    protocol = found.protocol
    if arguments.data is None:
        show = report_images.drawings(found)
    else:
        benchmark = published.load(protocol.benchmark, arguments.data, split=protocol.split, variant=protocol.variant)
        show = report_images.files(benchmark)
    path = report.write(found, arguments.out, way=arguments.way, show=show, examples=arguments.examples)
    cli.show({"report": path}, as_json=False)
