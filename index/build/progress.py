"""Reports progress (a bar on stderr, JSON lines on stdout, or nothing), and the rows that a build skipped."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from index.build.snapshot_writer import Progress, Report
from index.sources.embedded import SkippedRow
from models import cli

REPORT_EVERY_S = 0.1
PRINTED_SKIPS = 20


@contextmanager
def bar() -> Iterator[Report]:
    """Shows a bar for each stage, wiped off at its end; the work goes on if the reader of stderr leaves."""
    shown: tqdm[NoReturn] | None = None
    gone = False

    def report(progress: Progress) -> None:
        nonlocal shown, gone
        if gone:
            return
        try:
            if shown is None or shown.desc != progress.stage:
                if shown is not None:
                    shown.close()
                # `initial`: what an earlier run did is not this run's speed
                shown = tqdm(
                    desc=progress.stage,
                    total=progress.total,
                    initial=progress.done,
                    file=sys.stderr,
                    unit="image",
                    dynamic_ncols=True,
                    leave=False,
                )
            shown.n = progress.done
            if progress.unreachable:
                shown.set_postfix_str(f"{progress.unreachable} unreachable", refresh=False)
            shown.refresh()
        except BrokenPipeError:
            gone = True

    try:
        yield report
    finally:
        if shown is not None:
            with suppress(BrokenPipeError):
                shown.close()


@contextmanager
def json_lines() -> Iterator[Report]:
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        edge = progress.done in (0, progress.total)
        if edge or time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            cli.print_json(
                {
                    "stage": progress.stage,
                    "done": progress.done,
                    "total": progress.total,
                    "rate": round(progress.rate, 2),
                    "unreachable": progress.unreachable,
                }
            )

    yield report


@contextmanager
def nothing() -> Iterator[Report]:
    yield lambda progress: None


def print_skipped(skipped: Sequence[SkippedRow], *, gallery: Path | None = None) -> None:
    """Prints the first skipped rows of a build on stderr, and that its gallery knows the others."""
    for row in skipped[:PRINTED_SKIPS]:
        print(f"skipped {row.id}: {row.reason}", file=sys.stderr)
    if len(skipped) > PRINTED_SKIPS:
        rest = "" if gallery is None else f", as `likebut index skipped {gallery}` says"
        print(f"… and {len(skipped) - PRINTED_SKIPS} more{rest}", file=sys.stderr)


def print_notes(notes: Sequence[str]) -> None:
    """Prints what a build read in a way that may surprise, on stderr."""
    for note in notes:
        print(note, file=sys.stderr)


def print_recall(goal: float, reached: float) -> None:
    """Prints on stderr if the recall is not reached."""
    if reached < goal:
        print(
            f"a recall@10 of {goal:g} is not reached with all lists, only {reached:.4f}: build with a more exact"
            " --encoding, or lower the goal",
            file=sys.stderr,
        )
