"""Measures a search after 1, 100 and 4 000 changes, and with a filter that keeps most items, against before.

Draws clustered vectors, builds galleries of 5 000 and 200 000 items from them, and changes a copy of each: a third of
the changes replaces items, a third only their attributes, a third deletes items. Single searches (k = 20), as the
service does them for a text (encoding, then the search of a composed query), go to the gallery as it was built and to
its changed copy in turn, in one process. Figures are medians; the ratio is that of the whole search. Ends with 1 if a
ratio is above 1.2. Run it by `make bench`.
"""

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

import gallery as drawn_gallery
from index.gallery import Gallery
from index.items.filters import parse
from index.items.items import GalleryItem
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Change, Delete, Upsert
from index.vectors.encodings import Encoding, IndexOptions
from index.vectors.recall import RecallProbe
from models.arrays import Vectors
from models.encoder import Encoder

K = 20
COUNTS: Sequence[tuple[int, Encoding]] = ((5_000, "flat"), (200_000, "flat"), (200_000, "sq8"))
CHANGES = (1, 100, 4_000)
PASSING = 900  # of 1000 rows
TEXT = "in red, with long sleeves"
WARM_UP = 20
MOST = 1.2  # ratio


@dataclass(frozen=True, slots=True)
class Compared:
    """Median milliseconds before and after, of the index alone, and the ratio of whole searches."""

    before: float
    after: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Timed:
    """A gallery and a search of it, with the seconds of each run."""

    gallery: Gallery
    request: SearchRequest
    index_s: list[float]
    whole_s: list[float]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/bundles/two-stage"))
    parser.add_argument("--queries", type=int, default=300, help="of each figure")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-changes"), help="of the galleries, kept")
    arguments = parser.parse_args(argv)
    encoder = Encoder.open(arguments.bundle, threads=1)
    print(f"\n{os.cpu_count()} cores ({platform.machine()}), {encoder.manifest.dimension} dimensions, k = {K}; median")
    print("milliseconds of the index alone, before → after, and **the ratio of the whole search** by a text.\n")
    columns = [*(f"{count} change{'s' if count > 1 else ''}" for count in CHANGES), f"filter keeps {PASSING // 10} %"]
    print(f"| items | encoding | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    worst = 0.0
    for count, encoding in COUNTS:
        cells = measured(arguments.folder, count, encoding, encoder, arguments.queries)
        shown = " | ".join(f"{cell.before:.2f} → {cell.after:.2f}, **{cell.ratio:.2f}**" for cell in cells)
        print(f"| {count} | {encoding} | {shown} |", flush=True)
        worst = max(worst, *(cell.ratio for cell in cells))
    return int(worst > MOST)


def measured(folder: Path, count: int, encoding: Encoding, encoder: Encoder, queries: int) -> list[Compared]:
    """The figures of one gallery after each number of changes, and with a filter."""
    dimension = encoder.manifest.dimension
    path, copy = folder / f"{encoding}-{count}-{dimension}", folder / "changed"
    vectors = drawn_gallery.drawn(count, dimension)
    if not (path / snapshot.CURRENT).exists():
        drawn_gallery.built_gallery(path, IndexOptions(encoding=encoding), vectors)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    before, after = (Gallery.open(each, space_id=drawn_gallery.SPACE) for each in (path, copy))
    plain, kept = SearchRequest(k=K), SearchRequest(k=K, filter=parse({"bucket": {"lt": PASSING}}))
    changes, cells = mixed(vectors), []
    for number in CHANGES:
        after.change(changes[after.changes : number])
        cells.append(in_turn(timed(before, plain), timed(after, plain), encoder, queries))
    cells.append(in_turn(timed(before, plain), timed(before, kept), encoder, queries))
    shutil.rmtree(copy)
    return cells


def mixed(vectors: Vectors) -> list[Change]:
    """Changes of different items: replaced, with another attribute only, deleted, in turn."""
    generator = np.random.default_rng(3)
    rows = generator.permutation(len(vectors))[: max(CHANGES)].tolist()
    changes: list[Change] = []
    for number, row in enumerate(rows):
        id = f"item {row}"
        vector = vectors[row if number % 3 else generator.integers(len(vectors))]
        item = GalleryItem(id, "", {"bucket": int(generator.integers(1000))})
        changes.append(Delete(id) if number % 3 == 2 else Upsert(item, "", drawn_gallery.SPACE, vector))
    return changes


def timed(gallery: Gallery, request: SearchRequest) -> Timed:
    return Timed(gallery, request, [], [])


def in_turn(one: Timed, other: Timed, encoder: Encoder, turns: int) -> Compared:
    """Single searches of both in turn; the first are to warm up."""
    live = one.gallery.journal.gallery
    queries = RecallProbe.open(snapshot.live(live).path / snapshot.PROBE).queries
    for turn in range(-WARM_UP, turns):
        query = queries[turn % len(queries)][np.newaxis]
        for way in (one, other)[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            encoder.texts([TEXT])
            encoded = time.perf_counter()
            way.gallery.view().search(query, [way.request])
            ended = time.perf_counter()
            if turn >= 0:
                way.index_s.append(ended - encoded)
                way.whole_s.append(ended - began)
    before, after = (1000 * median(way.index_s) for way in (one, other))
    return Compared(before, after, median(other.whole_s) / median(one.whole_s))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
