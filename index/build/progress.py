"""Reports progress: a bar on stderr, JSON lines on stdout, or nothing."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

from tqdm import tqdm

from index.build.snapshot_writer import Progress, Report

REPORT_EVERY_S = 0.1


@contextmanager
def bar() -> Iterator[Report]:
    bar: tqdm[NoReturn] | None = None
    with ExitStack() as shown:  # holds the bar of the stage, which is wiped off at the stage's end

        def report(progress: Progress) -> None:
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
def json_lines() -> Iterator[Report]:
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        edge = progress.done in (0, progress.total)
        if edge or time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            print_json(
                {
                    "stage": progress.stage,
                    "done": progress.done,
                    "total": progress.total,
                    "rate": round(progress.rate, 2),
                }
            )

    yield report


@contextmanager
def nothing() -> Iterator[Report]:
    yield lambda progress: None


def print_json(record: dict[str, object]) -> None:
    print(json.dumps(record, ensure_ascii=False), flush=True)
