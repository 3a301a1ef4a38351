"""The index command line: build a gallery from a source, and say what is in one."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from models import command
from models.bundle import SHIPPED

if TYPE_CHECKING:
    from index.build import Progress

    Report = Callable[[Progress], None]

REPORT_EVERY_S = 0.1
REPORTED_SKIPS = 20


def main(argv: Sequence[str]) -> int:
    """Runs one command and gives its exit status."""
    parser = argparse.ArgumentParser(prog="likebut index", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    build = verbs.add_parser("build", help="index a folder of pictures or a table, and make it live")
    build.add_argument("source", type=Path, help="a folder, or a .csv, .jsonl or .parquet table with id and image")
    build.add_argument("--gallery", type=Path, required=True, metavar="DIR", help="the gallery to make or replace")
    build.add_argument(
        "--bundle",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="the model that embeds the pictures (default: the shipped one)",
    )
    build.add_argument("--shards", type=int, default=2, metavar="N", help="FAISS files to spread over (default 2)")
    build.add_argument(
        "--provider",
        choices=("cpu", "cuda", "tensorrt"),
        default="cpu",
        help="what runs the model (default cpu)",
    )
    build.add_argument(
        "--progress",
        choices=("bar", "json", "none"),
        default="bar" if sys.stderr.isatty() else "none",
        help="a bar on stderr (default on a terminal), one JSON object a line on stdout, or nothing (default off it)",
    )
    build.set_defaults(verb=_build)
    inspect = verbs.add_parser("inspect", help="say what a gallery holds")
    inspect.add_argument("gallery", type=Path)
    inspect.add_argument("--json", action="store_true", help="one JSON object on stdout")
    inspect.set_defaults(verb=_inspect)
    return command.run(parser, argv)


def _build(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from index.build import build
    from models.encoder import Encoder

    encoder = Encoder.open(arguments.bundle, provider=arguments.provider)
    reports = {"bar": _bar, "json": _json_lines, "none": _nothing}[arguments.progress]
    with reports() as report:
        built = build(arguments.source, arguments.gallery, encoder, shards=arguments.shards, progress=report)
    if arguments.progress == "json":
        _print_json({"stage": "done", **asdict(built)})
        return
    for skipped in built.skipped[:REPORTED_SKIPS]:
        print(f"skipped {skipped.id}: {skipped.reason}", file=sys.stderr)
    if len(built.skipped) > REPORTED_SKIPS:
        print(f"… and {len(built.skipped) - REPORTED_SKIPS} more, in the snapshot's skipped.jsonl", file=sys.stderr)
    print(
        f"{built.items} items, {len(built.skipped)} skipped, in {built.seconds:.1f} s:"
        f" snapshot {built.snapshot} of {arguments.gallery} is live"
    )


def _inspect(arguments: argparse.Namespace) -> None:
    from index import snapshot
    from index.items import Items

    live = snapshot.live(arguments.gallery)
    seen: dict[str, set[str]] = {}
    for item in Items.open(live.path / snapshot.ITEMS):
        for name, value in item.attributes.items():
            seen.setdefault(name, set()).add(type(value).__name__)
    names = {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "NoneType": "missing"}
    attributes = {name: sorted(names[kind] for kind in kinds) for name, kinds in seen.items()}
    manifest = live.manifest
    facts: dict[str, object] = {
        "snapshot": manifest.name,
        "created": manifest.created.isoformat(),
        "source": manifest.source,
        "items": manifest.count,
        "skipped": manifest.skipped,
        "dimension": manifest.dimension,
        "space_id": manifest.space_id,
        "model_id": manifest.model_id,
        "shards": [shard.count for shard in manifest.shards],
        "nlist": manifest.nlist,
        "nprobe": manifest.nprobe,
        "recall_at_10": manifest.recall_at_10,
        "faiss_version": manifest.faiss_version,
        "bytes": manifest.size_bytes,
        "attributes": attributes,
    }
    if not arguments.json:
        facts["shards"] = f"{len(manifest.shards)}, of {', '.join(str(shard.count) for shard in manifest.shards)} items"
        facts["recall_at_10"] = f"{manifest.recall_at_10:.4f}"
        facts["bytes"] = f"{manifest.size_bytes:,}"
        facts["attributes"] = ", ".join(f"{name} ({'/'.join(kinds)})" for name, kinds in attributes.items()) or "none"
    command.show(facts, as_json=arguments.json)


@contextmanager
def _bar() -> Iterator["Report"]:
    from tqdm import tqdm

    bar: tqdm[NoReturn] | None = None
    with ExitStack() as shown:  # holds the bar of the stage, which is wiped off at the stage's end

        def report(progress: "Progress") -> None:
            nonlocal bar
            if bar is None or bar.desc != progress.stage:
                shown.close()
                # `initial`: what an earlier run did is not this run's speed
                bar = tqdm(
                    desc=progress.stage,
                    total=progress.total,
                    initial=progress.done,
                    file=sys.stderr,
                    unit="image",
                    dynamic_ncols=True,
                    leave=False,
                )
                shown.enter_context(bar)
            bar.n = progress.done
            bar.refresh()

        yield report


@contextmanager
def _json_lines() -> Iterator["Report"]:
    last = 0.0

    def report(progress: "Progress") -> None:
        nonlocal last
        edge = progress.done in (0, progress.total)
        if edge or time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            _print_json(
                {
                    "stage": progress.stage,
                    "done": progress.done,
                    "total": progress.total,
                    "rate": round(progress.rate, 2),
                }
            )

    yield report


@contextmanager
def _nothing() -> Iterator["Report"]:
    yield lambda progress: None


def _print_json(record: dict[str, object]) -> None:
    print(json.dumps(record, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
