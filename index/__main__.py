"""The command line of galleries: build one from a source, change, inspect and export it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from index import building
from index.build import arguments as build_arguments
from index.milvus import address
from index.replicas import commands as replicas
from models import cli
from models.bundle import SHIPPED
from models.errors import ConfigError

if TYPE_CHECKING:
    pass


def main(argv: Sequence[str]) -> int:
    """Runs one command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="likebut index", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    build = verbs.add_parser("build", help="index a folder of images or a table, and make it live")
    build_arguments.add(build)
    build.set_defaults(verb=building.build)
    embed = verbs.add_parser("embed", help="embed a part of a source, on any machine, for a later build")
    build_arguments.add_part(embed)
    embed.set_defaults(verb=building.embed)
    copy = verbs.add_parser("copy", help="write a source's items as JSON lines, and fetch their images to this disk")
    copy.add_argument("source", help="as that of build")
    build_arguments.add_map(copy)
    copy.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of items.jsonl and images")
    copy.add_argument("--json", action="store_true", help="one JSON object on stdout")
    copy.set_defaults(verb=_copy)
    create = verbs.add_parser("create", help="make a gallery without items, to be filled by changes of items")
    create.add_argument("gallery", type=Path)
    create.add_argument(
        "--bundle", type=Path, default=SHIPPED, metavar="DIR", help="folder of the model that serves it"
    )
    create.set_defaults(verb=_create)
    compact = verbs.add_parser("compact", help="fold the changes since the live snapshot into a new one")
    compact.add_argument("gallery", type=Path)
    compact.set_defaults(verb=_in_folder(_compact))
    for long in (build, embed, compact):
        long.add_argument(
            "--progress",
            choices=("bar", "json", "none"),
            default="bar" if sys.stderr.isatty() else "none",
            help="a bar on stderr (default on a terminal), a JSON object a line on stdout, or nothing (default off it)",
        )
        long.add_argument("--background", action="store_true", help="compute only while no other program does (Linux)")
    rollback = verbs.add_parser("rollback", help="make a kept snapshot the live one again, with the changes since")
    rollback.add_argument("gallery", type=Path)
    rollback.add_argument("snapshot", help="its name, as `likebut index inspect` lists it")
    rollback.set_defaults(verb=_rollback)
    repair = verbs.add_parser("repair", help="give up changes that the journal lost, so that the gallery opens again")
    repair.add_argument("gallery", type=Path)
    repair.set_defaults(verb=_in_folder(_repair))
    tune = verbs.add_parser("tune", help="set the number of probed lists for another recall")
    tune.add_argument("gallery", type=Path)
    tune.add_argument("--recall", type=float, required=True, metavar="R", help="recall@10 of composed queries")
    tune.set_defaults(verb=_in_folder(_tune))
    recode = verbs.add_parser("recode", help="give the live snapshot another encoding, with the same lists")
    recode.add_argument("gallery", type=Path)
    recode.add_argument(
        "--encoding", choices=("flat", "fp16", "sq8", "rabitq"), required=True, help="of the vectors in FAISS"
    )
    recode.set_defaults(verb=_in_folder(_recode))
    inspect = verbs.add_parser("inspect", help="show facts of a gallery")
    inspect.add_argument("gallery", type=Path)
    inspect.add_argument("--json", action="store_true", help="one JSON object on stdout")
    inspect.set_defaults(verb=_inspect)
    skipped = verbs.add_parser("skipped", help="list the rows of the source that were skipped, and why")
    skipped.add_argument("gallery", type=Path)
    skipped.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    skipped.set_defaults(verb=_in_folder(_skipped))
    export = verbs.add_parser("export", help="write a gallery's embeddings and items in clip-retrieval's layout")
    export.add_argument("gallery", type=Path)
    export.add_argument("out", type=Path, help="folder to create")
    export.set_defaults(verb=_in_folder(_export))
    replicas.add(verbs)
    return cli.run(parser, argv)


def _copy(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.build.local_copy import ITEMS, copy

    copied = copy(arguments.source, arguments.out, columns=dict(arguments.map))
    if arguments.json:
        cli.print_json(asdict(copied))
        return
    print(f"{copied.items} items of {arguments.source} are in {arguments.out / ITEMS}")
    for reason, number in copied.skipped.items():
        print(f"  {number} skipped: {reason}")
    progress_reports.print_notes(copied.notes)


def _in_folder(verb: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    """The verb, which raises ConfigError for a gallery in Milvus."""

    def run(arguments: argparse.Namespace) -> None:
        if address.is_milvus(arguments.gallery):
            shown = address.shown(arguments.gallery)
            raise ConfigError(f"{shown} is in Milvus, and this command is for a gallery in a folder")
        verb(arguments)

    return run


def _create(arguments: argparse.Namespace) -> None:
    from models.bundle import Bundle

    opened = Bundle.open(arguments.bundle)
    if address.is_milvus(arguments.gallery):
        from index.build.milvus import new_snapshot

        place = address.parse(arguments.gallery)
        made = new_snapshot.create(place, opened.manifest)
        print(f"snapshot {made.name} of {place.name}, without items, is live: put items over HTTP")
        return
    from index.build.create import create

    made = create(arguments.gallery, opened.manifest, known_images=opened.known_images)
    print(f"snapshot {made.name} of {arguments.gallery}, without items, is live: put items over HTTP")


def _compact(arguments: argparse.Namespace) -> None:
    building.step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.build.compact import compact

    with building.reporting(arguments) as progress:
        made = compact(arguments.gallery, progress=progress)
    if arguments.progress == "json":
        cli.print_json({"stage": "done", **asdict(made)})
        return
    print(
        f"{made.changes} changes folded in {made.seconds:.1f} s: snapshot {made.snapshot} of {arguments.gallery}, of"
        f" {made.items} items, is live"
    )
    progress_reports.print_notes(made.notes)


def _rollback(arguments: argparse.Namespace) -> None:
    if address.is_milvus(arguments.gallery):
        from index.build.milvus import new_snapshot

        back = new_snapshot.roll_back(address.parse(arguments.gallery), arguments.snapshot)
        print(f"snapshot {back.name} of {back.created:%Y-%m-%d %H:%M} UTC is live, with the changes made since")
        return
    from index.build.publish import roll_back

    back = roll_back(arguments.gallery, arguments.snapshot)
    print(f"snapshot {back.name} of {back.created:%Y-%m-%d %H:%M} UTC is live, with the changes made since")


def _repair(arguments: argparse.Namespace) -> None:
    from index.storage.repair import repair

    done = repair(arguments.gallery)
    lost = f"{len(done.lost)} changes are given up"
    if done.lost:
        lost = f"{lost}, from number {done.lost[0]} to {done.lost[-1]}"
    if not done.known:
        lost = f"{lost}, and perhaps later ones, since the number of the last acknowledged change was damaged"
    print(f"{lost}: {arguments.gallery} opens again, and its last change is {done.last}")


def _tune(arguments: argparse.Namespace) -> None:
    from index.build import progress as progress_reports
    from index.build.tune import tune
    from index.vectors.encodings import IndexOptions

    made = tune(arguments.gallery, goal=IndexOptions(recall=arguments.recall).goal_of(0))
    print(f"{made.nprobe} of {made.nlist} lists reach recall@10 {made.recall_at_10:.4f}: snapshot {made.name} is live")
    progress_reports.print_recall(made.recall_goal, made.recall_at_10)


def _recode(arguments: argparse.Namespace) -> None:
    from index.build import progress as progress_reports
    from index.build.tune import recode

    made = recode(arguments.gallery, arguments.encoding)
    print(f"snapshot {made.name} of {arguments.gallery}, encoded as {made.encoding}, is live")
    progress_reports.print_recall(made.recall_goal, made.recall_at_10)


def _inspect(arguments: argparse.Namespace) -> None:
    from index import facts

    facts.show(arguments.gallery, as_json=arguments.json)


def _skipped(arguments: argparse.Namespace) -> None:
    from index import facts

    facts.show_skipped(arguments.gallery, as_json=arguments.json)


def _export(arguments: argparse.Namespace) -> None:
    from index.build.export import export

    count = export(arguments.gallery, arguments.out)
    print(f"{count} items of {arguments.gallery} are in {arguments.out}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
