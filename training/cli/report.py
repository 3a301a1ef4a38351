"""The command line of `likebut report`: a result as a page with plots and strips of pictures."""

import argparse
from pathlib import Path

from models import cli
from training.cli.evaluate import EXAMPLES


def add(report: argparse.ArgumentParser) -> None:
    """Adds its words."""
    report.add_argument("result", type=Path, metavar="RESULT.json", help="what evaluate --out left")
    report.add_argument("--data", type=Path, metavar="DIR", help="a published benchmark's folder, for its pictures")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of report.md and its pictures")
    report.add_argument("--way", help="the way of asking whose hits and misses are shown; else the bundle's own")
    report.add_argument("--examples", type=cli.at_least(1), default=EXAMPLES, help="hits, and misses")
    report.set_defaults(verb=_report)


def _report(arguments: argparse.Namespace) -> None:
    from training.evaluation import report, report_images
    from training.evaluation.benchmarks import published
    from training.evaluation.result import Result

    found = Result.read(arguments.result)
    asked = found.protocol
    if arguments.data is None:
        show = report_images.drawings(found)
    else:
        show = report_images.files(
            published.load(asked.benchmark, arguments.data, split=asked.split, variant=asked.variant)
        )
    path = report.write(found, arguments.out, way=arguments.way, show=show, examples=arguments.examples)
    cli.show({"report": path}, as_json=False)
