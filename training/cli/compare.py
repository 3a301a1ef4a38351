"""`likebut compare`: show results of one benchmark side by side."""

import argparse
import dataclasses
from pathlib import Path

from models import cli


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT.json", help="files of evaluate --out")
    parser.add_argument("--against", metavar="ROW", help="the row to compare with; default: the best")
    parser.add_argument("--metric", help="metric whose differences are shown; default: the headline's")
    parser.add_argument("--group", help="only these queries: a category, a semantic aspect, a task")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(verb=_compare)


def _compare(arguments: argparse.Namespace) -> None:
    from training.evaluation import compare

    rows = compare.rows(arguments.results)
    if arguments.group is not None:
        rows = rows.only(arguments.group)
    comparison = compare.compare(rows, against=arguments.against or compare.best(rows))
    if arguments.json:
        cli.print_json(dataclasses.asdict(comparison))
        return
    for note in comparison.notes:
        print(f"> {note}\n")
    print(compare.markdown(comparison, metric=arguments.metric))
