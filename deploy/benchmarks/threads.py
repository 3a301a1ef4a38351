"""How the cores are best shared by decoding, the model and the index; prints a Markdown table.

Each way of sharing is a searcher of its own in this process, asked composed queries with ever new pictures by one
caller and by many, in turn with all the others, several rounds; medians are given. What it finds on 2 cores is what
`service/settings.py` takes by itself; on other machines run it there. Run it by `make bench-service`.
"""

import asyncio
import functools
import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import shop
from models.image_decoders import ImageDecoders
from service.http import body
from service.http.body import Posted
from service.search.searcher import Searcher
from service.search.stopwatch import Stopwatch
from service.settings import Settings

WAYS = [(1, 1), (1, 2), (2, 1), (2, 2)]  # passes at once, threads of each
DECODERS = (1, 2)
ROUNDS, SECONDS, CALLERS = 3, 3.0, 16


@dataclass(slots=True)
class Measured:
    """Results of one way of sharing, round by round."""

    alone_ms: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)


def main(argv: Sequence[str]) -> int:
    arguments = shop.parser(__doc__).parse_args(argv)
    queries = [
        Posted("application/json", json.dumps(shop.body(data, text)).encode())
        for data, text in shop.composed(arguments.shop)
    ]
    asyncio.run(measured(arguments.bundle, arguments.gallery, queries))
    return 0


async def measured(bundle: Path, gallery: Path, queries: Sequence[Posted]) -> None:
    """Measures all ways in turn and prints the table."""
    ways = [(passes, threads, decoders) for passes, threads in WAYS for decoders in DECODERS]
    found = {way: Measured() for way in ways}
    async with AsyncExitStack() as stack:
        searchers: dict[tuple[int, int, int], Searcher] = {}
        for passes, threads, decoders in ways:
            settings = Settings(
                bundle=bundle, gallery=gallery, passes=passes, threads=threads, decoders=decoders,
                max_waiting=1000, reference_cache_mb=0,
            )  # fmt: skip
            processes = stack.enter_context(ImageDecoders(decoders, cpu_s=settings.decode_s))
            searcher = await stack.enter_async_context(Searcher(settings, processes, lambda *_: None))
            await searcher.swap(bundle)
            searchers[passes, threads, decoders] = searcher
        turns = itertools.cycle(queries)
        for number in range(ROUNDS + 1):
            for way, searcher in searchers.items():
                alone, many = await round_of(searcher, turns, 1), await round_of(searcher, turns, CALLERS)
                if number:  # the first is to warm up
                    found[way].alone_ms.append(1000 * median(alone))
                    found[way].per_s.append(len(many) / SECONDS)
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), composed queries, {CALLERS} callers for searches a second.\n"
    )
    print("| passes at once | threads of each | decoding | one caller, p50 ms | searches/s |")
    print("|---" * 5 + "|")
    for (passes, threads, decoders), each in found.items():
        print(f"| {passes} | {threads} | {decoders} | {median(each.alone_ms):.1f} | {median(each.per_s):.4g} |")


async def round_of(searcher: Searcher, queries: Iterator[Posted], callers: int) -> list[float]:
    """The seconds of each search of so many callers, for a while."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    settings = Settings()

    async def caller() -> None:
        while (began := time.perf_counter()) < end:
            posted = next(queries)
            with searcher.permit() as permit:
                await searcher.search(functools.partial(body.query, posted, settings), permit=permit, watch=Stopwatch())
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return took


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
