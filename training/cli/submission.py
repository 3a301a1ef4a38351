"""`likebut submission`: write and check files for the test servers of CIRR and CIRCO."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from models import cli

_LISTED = 20  # mistakes of each kind


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs `write` and `check`."""
    write = verbs.add_parser("write", help="write the files to submit from a result of the test split")
    write.add_argument("result", type=Path, metavar="RESULT.json", help="a file of evaluate --out")
    write.add_argument("--way", help="row to submit; default: the bundle's own")
    write.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the files")
    write.set_defaults(verb=_write)
    check = verbs.add_parser("check", help="list every mistake that a server refuses; exit status 1 if there is one")
    servers = check.add_subparsers(required=True, metavar="SERVER", dest="server")
    cirr = servers.add_parser("cirr", help="CIRR's two files, recall and recall_subset, in any order")
    circo = servers.add_parser("circo", help="CIRCO's one file")
    for server, split in ((cirr, "test1"), (circo, "test")):
        server.add_argument("files", type=Path, nargs="+", metavar="FILE")
        server.add_argument("--split", choices=("val", split), default=split, help="split of the queries")
        server.add_argument("--json", action="store_true", help="one JSON object on stdout")
        server.set_defaults(verb=_check)
    for one in (write, cirr, circo):
        one.add_argument("--data", type=Path, required=True, metavar="DIR", help="the benchmark's folder")


def _write(arguments: argparse.Namespace) -> None:
    from training.evaluation import submission
    from training.evaluation.benchmarks import published
    from training.evaluation.result import Result

    result = Result.read(arguments.result)
    _warn(result.notes, "the server expects the published benchmark")
    protocol = result.protocol
    benchmark = published.load(protocol.benchmark, arguments.data, split=protocol.split, variant=protocol.variant)
    for path in submission.write(result, benchmark, arguments.out, way=arguments.way or result.own):
        print(path)


def _warn(notes: Iterable[str], so: str) -> None:
    for note in notes:
        print(f"NOTE  {note}: {so}", file=sys.stderr)


def _check(arguments: argparse.Namespace) -> None:
    from training.evaluation import submission
    from training.evaluation.benchmarks import counts, published

    benchmark = published.load(arguments.server, arguments.data, split=arguments.split, variant="official")
    _warn(counts.wrong(benchmark), f"{arguments.data} is not the whole split, the server may refuse what passes")
    mistakes_of = {}
    for path in arguments.files:
        metric = submission.metric(path) if arguments.server == "cirr" else "recall"
        mistakes_of[path] = submission.mistakes(path, submission.rules(benchmark, metric=metric))
    if arguments.json:
        cli.print_json({str(path): [[each.kind, each.detail] for each in all] for path, all in mistakes_of.items()})
    else:
        for path, mistakes in mistakes_of.items():
            print(f"{path}: {len(mistakes) or 'no'} mistake{'s' * (len(mistakes) != 1)}")
            kinds = dict.fromkeys(each.kind for each in mistakes)
            for kind in kinds:
                details = [each.detail for each in mistakes if each.kind == kind]
                print("\n".join(f"  {kind}: {detail}" for detail in details[:_LISTED]))
                if len(details) > _LISTED:
                    print(f"  {kind}: … and {len(details) - _LISTED} more")
    if any(mistakes_of.values()):
        sys.exit(1)  # 2 means that a file could not be read
