"""The command line of galleries: build one from a source, change, inspect and export it."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from index.build import arguments as build_arguments
from index.milvus import address
from models import cli
from models.bundle import SHIPPED
from models.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from index.build.snapshot_writer import Report
    from models.encoder import Encoder


def main(argv: Sequence[str]) -> int:
    """Runs one command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="likebut index", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    build = verbs.add_parser("build", help="index a folder of images or a table, and make it live")
    build_arguments.add(build)
    build.set_defaults(verb=_build)
    embed = verbs.add_parser("embed", help="embed a part of a source, on any machine, for a later build")
    build_arguments.add_part(embed)
    embed.set_defaults(verb=_embed)
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
    return cli.run(parser, argv)


def _build(arguments: argparse.Namespace) -> None:
    columns = dict(arguments.map)
    if arguments.dry_run:
        if arguments.source is None:
            raise ConfigError("a dry run needs a source: name a folder, table or feed")
        from index.build import dry_run

        dry_run.show(arguments.source, columns=columns, as_json=arguments.progress == "json")
        return
    if arguments.gallery is None:
        raise ConfigError("a build needs the folder of its gallery: add --gallery DIR, or --dry-run to try the source")
    _step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.vectors.encodings import IndexOptions

    if address.is_milvus(arguments.gallery):
        _refuse_options(arguments)
        from index.build.milvus import from_source

        build = partial(from_source.build, address=address.parse(arguments.gallery))
        last_source = partial(from_source.last_source, address.parse(arguments.gallery))
    else:
        from index.build import build as in_folder
        from index.build import own_source

        lexical = None if arguments.lexical is None else [name for name in arguments.lexical.split(",") if name]
        build = partial(in_folder.build, gallery=arguments.gallery, lexical=lexical)
        last_source = partial(own_source.last_source, arguments.gallery)
    source = arguments.source
    if source is None:
        source, known = last_source()
        columns = columns or dict(known)
    shape = IndexOptions(arguments.shards, arguments.encoding, arguments.recall)
    encoder = _encoder(arguments)
    with _reporting(arguments) as progress:
        built = build(
            source or None,
            encoder=encoder,
            shape=shape,
            max_loss=arguments.max_loss,
            private_hosts=arguments.allow_private_hosts == "true",
            columns=columns,
            blocks=arguments.blocks,
            progress=progress,
        )
    if arguments.progress == "json":
        cli.print_json({"stage": "done", **asdict(built)})
        return
    progress_reports.print_skipped(built.skipped, gallery=arguments.gallery)
    images = f" with {built.images} images" if built.images > built.items else ""
    reused = f"{built.reused} reused" + (f", {built.unreachable} of them unreachable" if built.unreachable else "")
    print(
        f"{built.items} items{images} ({built.embedded} embedded, {reused}), {len(built.skipped)} skipped,"
        f" in {built.seconds:.1f} s:"
        f" snapshot {built.snapshot} of {arguments.gallery} is live"
    )
    progress_reports.print_recall(built.recall_goal, built.recall_at_10)
    progress_reports.print_notes(built.notes)


def _embed(arguments: argparse.Namespace) -> None:
    from index.build.embed_part import SourcePart

    part = SourcePart.parse(arguments.part)  # before the second that the model takes to load
    _step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.build.embed_part import embed_part

    encoder = _encoder(arguments)
    with _reporting(arguments) as progress:
        done = embed_part(
            arguments.source,
            part,
            encoder,
            gallery=arguments.gallery,
            blocks=arguments.blocks,
            columns=dict(arguments.map),
            private_hosts=arguments.allow_private_hosts == "true",
            progress=progress,
        )
    if arguments.progress == "json":
        cli.print_json({"stage": "done", "part": str(part), **asdict(done)})
        return
    progress_reports.print_skipped([*done.skipped, *done.unreachable])
    print(
        f"part {part}: {done.images} images ({done.embedded} embedded, {done.known} known), {len(done.skipped)}"
        f" skipped, {len(done.unreachable)} unreachable, for builds in {arguments.blocks or arguments.gallery}"
    )


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


def _encoder(arguments: argparse.Namespace) -> "Encoder":
    """The model that the options of embedding name."""
    from models.encoder import Encoder
    from models.runtime.device import Device

    device = Device(arguments.provider, arguments.products, arguments.engines)
    return Encoder.open(arguments.bundle, threads=arguments.threads, device=device)


def _step_back(arguments: argparse.Namespace) -> None:
    """Lets other programs go first, if --background is given."""
    if arguments.background and hasattr(os, "SCHED_IDLE"):
        # for this process, before it begins any thread, and before it loads what takes a second of a core
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _reporting(arguments: argparse.Namespace) -> "AbstractContextManager[Report]":
    """The progress report that --progress names."""
    from index.build import progress as progress_reports

    return {"bar": progress_reports.bar, "json": progress_reports.json_lines, "none": progress_reports.nothing}[
        arguments.progress
    ]()


def _in_folder(verb: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    """The verb, which raises ConfigError for a gallery in Milvus."""

    def run(arguments: argparse.Namespace) -> None:
        if address.is_milvus(arguments.gallery):
            raise ConfigError(f"{arguments.gallery} is in Milvus, and this command is for a gallery in a folder")
        verb(arguments)

    return run


def _refuse_options(arguments: argparse.Namespace) -> None:
    """Raises ConfigError for an option that a gallery in Milvus does not have."""
    given = {"--shards": arguments.shards, "--encoding": arguments.encoding}
    options = [name for name, value in given.items() if value != "auto"]
    options += ["--lexical"] if arguments.lexical is not None else []
    if options:
        raise ConfigError(f"{options[0]} is not for a gallery in Milvus, which has its own index: leave it out")


def _create(arguments: argparse.Namespace) -> None:
    from models.bundle import Bundle

    opened = Bundle.open(arguments.bundle)
    if address.is_milvus(arguments.gallery):
        from index.build.milvus import new_snapshot

        made = new_snapshot.create(address.parse(arguments.gallery), opened.manifest)
        print(f"snapshot {made.name} of {arguments.gallery}, without items, is live: put items over HTTP")
        return
    from index.build.create import create

    made = create(arguments.gallery, opened.manifest, known_images=opened.known_images)
    print(f"snapshot {made.name} of {arguments.gallery}, without items, is live: put items over HTTP")


def _compact(arguments: argparse.Namespace) -> None:
    _step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.build.compact import compact

    with _reporting(arguments) as progress:
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
