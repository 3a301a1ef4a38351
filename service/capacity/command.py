"""Arguments of `likebut capacity`, and its output."""

import argparse
import math
from dataclasses import fields

from models import cli
from service.capacity.demand import Demand

ENCODINGS = ("auto", "flat", "fp16", "sq8", "rabitq")


def add(parser: argparse.ArgumentParser) -> None:
    """Add all options; the defaults are those of Demand."""
    usual = {field.name: field.default for field in fields(Demand)}
    parser.add_argument(
        "--items", type=count, required=True, nargs="+", metavar="N", help="number of items, as 1e9; several: a table"
    )
    numbers = {
        "qps": "searches a second",
        "recall": "recall@10 of composed queries",
        "filtered": "share of the searches that have a filter",
        "memory_gib": "memory of a machine in GiB",
        "cores": "cores of a machine",
        "price": "price of a machine-hour, in any currency",
        "images_per_item": "images of an item",
        "p50_ms": "goal for the median of a search with its embedding, in ms",
        "build_h": "goal for a build without embedding, in hours",
        "spare": "share of memory and cores that stays free",
    }
    for name, meaning in numbers.items():
        kind = count if name == "cores" else number
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=usual[name],
            metavar="X",
            help=f"{meaning} (default %(default)s)",
        )
    for name, meaning in (
        ("dimension", "numbers of a vector"),
        ("replicas", "copies of the gallery"),
        ("embedders", "machines that embed"),
    ):
        parser.add_argument(
            f"--{name}", type=count, default=usual[name], metavar="N", help=f"{meaning} (default %(default)s)"
        )
    parser.add_argument(
        "--encoding", choices=ENCODINGS, default="auto", help="encoding in a folder (default: by the number of items)"
    )
    parser.add_argument(
        "--encoder",
        default=usual["encoder"],
        metavar="NAME",
        help="measured encoder: small or vit-b-32 (default %(default)s)",
    )
    parser.add_argument(
        "--images-per-s", type=number, metavar="X", help="images a second that a machine embeds (default: as measured)"
    )
    parser.add_argument(
        "--query-ms", type=number, metavar="X", help="CPU ms of embedding a query (default: as measured)"
    )
    parser.add_argument(
        "--share",
        type=number,
        metavar="X",
        help="share of its lists that a gallery probes for recall@10 .95: nprobe / nlist of `likebut index inspect`"
        " (default: as measured on drawn vectors)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the estimate; raises ConfigError for values out of range."""
    from service.capacity import plan
    from service.capacity.measurements import measurements

    options = {field.name: getattr(arguments, field.name) for field in fields(Demand)}
    demands = [Demand(**{**options, "items": number}) for number in arguments.items]
    if arguments.json:
        found = [plan.as_json(demand, measurements()) for demand in demands]
        cli.print_json(found[0] if len(found) == 1 else {"plans": found})
    elif len(demands) == 1:
        print(plan.as_text(demands[0], measurements()))
    else:
        print(plan.as_table(demands, measurements()))


def number(given: str) -> float:
    """Parse a finite number."""
    value = float(given)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{given!r} is not a finite number")
    return value


def count(given: str) -> int:
    """Parse a whole number, also as 1e9."""
    value = number(given)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number")
    return int(value)
