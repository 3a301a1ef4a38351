"""The verbs of `likebut index` for replicas: push and pull, once or again and again."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from index.milvus import address
from models.bundle import SHIPPED
from models.errors import ConfigError, LikebutError

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


def add(verbs: "_SubParsersAction[ArgumentParser]") -> None:
    """Adds the two verbs."""
    push = verbs.add_parser("push", help="copy the live snapshot to a place, from which other machines pull it")
    push.add_argument("gallery", type=Path)
    push.add_argument("place", help="a folder, or a folder's URL in a store (s3://…), for this gallery alone")
    push.set_defaults(verb=_push)
    pull = verbs.add_parser("pull", help="bring the live snapshot of a place to a replica, to be served here")
    pull.add_argument("place", help="as that of push")
    pull.add_argument("--gallery", type=Path, required=True, metavar="DIR", help="the replica's folder, which it makes")
    pull.add_argument(
        "--bundle",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="folder of the model that serves it: the snapshot is the last one of its space (default: the shipped one)",
    )
    pull.set_defaults(verb=_pull)
    for verb in (push, pull):
        verb.add_argument(
            "--watch", type=_seconds, metavar="SECONDS", help="do it again and again, after a pause of so long"
        )


def _push(arguments: argparse.Namespace) -> None:
    if address.is_milvus(arguments.gallery):
        raise ConfigError(
            f"{address.shown(arguments.gallery)} is in Milvus, which all machines reach: there is nothing to push"
        )
    from index.replicas import place
    from index.replicas.push import push

    target = place.parse(arguments.place)

    def once(before: str) -> str:
        done = push(arguments.gallery, target)
        if done.snapshot != before:
            print(
                f"snapshot {done.snapshot} of {arguments.gallery}, of {done.items} items, is live in {target.name}:"
                f" {done.sent} files ({done.sent_bytes:,} bytes) were sent",
                flush=True,
            )
        return done.snapshot

    _repeated(once, arguments.watch)


def _pull(arguments: argparse.Namespace) -> None:
    from index.replicas import place
    from index.replicas.pull import claim, pull
    from models.bundle import Bundle

    source, bundle = place.parse(arguments.place), Bundle.open(arguments.bundle)
    claim(arguments.gallery, source)

    def once(before: str) -> str:
        done = pull(source, arguments.gallery, bundle, checked=before)
        if done.snapshot != before:
            print(
                f"snapshot {done.snapshot} of {source.name}, of {done.items} items, is live in {arguments.gallery}:"
                f" {done.brought} files ({done.brought_bytes:,} bytes) were brought",
                flush=True,
            )
        return done.snapshot

    _repeated(once, arguments.watch)


def _repeated(once: Callable[[str], str], every_s: float | None) -> None:
    """Calls a function with its last result, once or until a signal; what fails then is said, and tried again."""
    if every_s is None:
        once("")
        return
    signal.signal(signal.SIGTERM, _end)  # which process 1 of a container ignores otherwise
    last, failed = "", ""
    while True:
        try:
            last, failed = once(last), ""
        except LikebutError as error:
            if str(error) != failed:
                print(f"likebut: {error}", file=sys.stderr, flush=True)
            failed = str(error)
        time.sleep(every_s)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{given} is no number of seconds above 0")
    return seconds
