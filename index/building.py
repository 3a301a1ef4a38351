"""The verbs of `likebut index` that embed: build and embed."""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from index.milvus import address
from models import cli
from models.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from index.build.snapshot_writer import Report
    from models.encoder import Encoder


def build(arguments: argparse.Namespace) -> None:
    """Builds a gallery, in a folder or in Milvus, or tries its source."""
    columns = dict(arguments.map)
    if arguments.dry_run:
        if arguments.source is None:
            raise ConfigError("a dry run needs a source: name a folder, table or feed")
        from index.build import dry_run

        dry_run.show(arguments.source, columns=columns, as_json=arguments.progress == "json")
        return
    if arguments.gallery is None:
        raise ConfigError("a build needs the folder of its gallery: add --gallery DIR, or --dry-run to try the source")
    step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.vectors.encodings import IndexOptions

    if address.is_milvus(arguments.gallery):
        _refuse_options(arguments)
        from index.build.milvus import from_source

        build_gallery = partial(from_source.build, address=address.parse(arguments.gallery))
        last_source = partial(from_source.last_source, address.parse(arguments.gallery))
    else:
        from index.build import build as in_folder
        from index.build import own_source

        lexical = None if arguments.lexical is None else [name for name in arguments.lexical.split(",") if name]
        build_gallery = partial(in_folder.build, gallery=arguments.gallery, lexical=lexical)
        last_source = partial(own_source.last_source, arguments.gallery)
    source = arguments.source
    if source is None:
        source, known = last_source()
        columns = columns or dict(known)
    shape = IndexOptions(arguments.shards, arguments.encoding, arguments.recall)
    encoder = _encoder(arguments)
    with reporting(arguments) as progress:
        built = build_gallery(
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
        f" snapshot {built.snapshot} of {address.shown(arguments.gallery)} is live"
    )
    progress_reports.print_recall(built.recall_goal, built.recall_at_10)
    progress_reports.print_notes(built.notes)


def embed(arguments: argparse.Namespace) -> None:
    """Embeds a part of a source."""
    from index.build.embed_part import SourcePart

    part = SourcePart.parse(arguments.part)  # before the second that the model takes to load
    step_back(arguments)
    from dataclasses import asdict

    from index.build import progress as progress_reports
    from index.build.embed_part import embed_part

    folder = arguments.gallery
    if folder is not None:
        folder = address.parse(folder).folder if address.is_milvus(folder) else Path(folder)
    encoder = _encoder(arguments)
    with reporting(arguments) as progress:
        done = embed_part(
            arguments.source,
            part,
            encoder,
            gallery=folder,
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


def _encoder(arguments: argparse.Namespace) -> "Encoder":
    """The model that the options of embedding name."""
    from models.encoder import Encoder
    from models.runtime.device import Device

    device = Device(arguments.provider, arguments.products, arguments.engines)
    return Encoder.open(arguments.bundle, threads=arguments.threads, device=device)


def _refuse_options(arguments: argparse.Namespace) -> None:
    """Raises ConfigError for an option that a gallery in Milvus does not have."""
    given = {"--shards": arguments.shards, "--encoding": arguments.encoding}
    options = [name for name, value in given.items() if value != "auto"]
    options += ["--lexical"] if arguments.lexical is not None else []
    if options:
        raise ConfigError(f"{options[0]} is not for a gallery in Milvus, which has its own index: leave it out")


def step_back(arguments: argparse.Namespace) -> None:
    """Lets other programs go first, if --background is given."""
    if arguments.background and hasattr(os, "SCHED_IDLE"):
        # for this process, before it begins any thread, and before it loads what takes a second of a core
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def reporting(arguments: argparse.Namespace) -> "AbstractContextManager[Report]":
    """The progress report that --progress names."""
    from index.build import progress as progress_reports

    return {"bar": progress_reports.bar, "json": progress_reports.json_lines, "none": progress_reports.nothing}[
        arguments.progress
    ]()
