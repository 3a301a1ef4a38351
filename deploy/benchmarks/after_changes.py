"""Measures a search after 1, 100 and 4 000 changes, and with a filter that keeps most items, against before.

Draws clustered vectors, builds galleries of 5 000 and 200 000 items from them, and changes a copy of each: a third of
the changes replaces items, a third only their attributes, a third deletes items. Single composed queries (k = 20) go to
the gallery as it was built and to its changed copy in turn, in one process with one thread; figures are medians of
milliseconds. Ends with 1 if a ratio is above 1.2. Run it by `make bench`.
"""

import argparse
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
from models.arrays import Embeddings, Vectors

K = 20
COUNTS: Sequence[tuple[int, Encoding]] = ((5_000, "flat"), (200_000, "flat"), (200_000, "sq8"))
CHANGES = (1, 100, 4_000)
PASSING = 900  # of 1000 rows
MOST = 1.2  # ratio


@dataclass(frozen=True, slots=True)
class Compared:
    """Milliseconds of a search before and after."""

    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimension", type=int, default=256, help="of the vectors; the shipped bundles have 256")
    parser.add_argument("--queries", type=int, default=400, help="of each figure")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-changes"), help="of the galleries")
    arguments = parser.parse_args(argv)
    print(
        f"\n{arguments.dimension} dimensions, k = {K}, one thread; median milliseconds before → after, and the ratio.\n"
    )
    columns = [*(f"{count} change{'s' if count > 1 else ''}" for count in CHANGES), f"filter keeps {PASSING // 10} %"]
    print(f"| items | encoding | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    worst = 0.0
    for count, encoding in COUNTS:
        cells = measured(arguments.folder, count, encoding, arguments.dimension, arguments.queries)
        shown = " | ".join(f"{cell.before:.2f} → {cell.after:.2f}, **{cell.ratio:.2f}**" for cell in cells)
        print(f"| {count} | {encoding} | {shown} |", flush=True)
        worst = max(worst, *(cell.ratio for cell in cells))
    return int(worst > MOST)


def measured(folder: Path, count: int, encoding: Encoding, dimension: int, queries: int) -> list[Compared]:
    """The figures of one gallery after each number of changes, and with a filter."""
    path, copy = folder / f"{encoding}-{count}-{dimension}", folder / "changed"
    vectors = drawn_gallery.drawn(count, dimension)
    if not (path / snapshot.CURRENT).exists():
        drawn_gallery.built_gallery(path, IndexOptions(encoding=encoding), vectors)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    before, after = (Gallery.open(each, space_id=drawn_gallery.SPACE) for each in (path, copy))
    probe = RecallProbe.open(snapshot.live(path).path / snapshot.PROBE)
    plain = SearchRequest(k=K)
    cells = []
    changes = mixed(vectors)
    for number in CHANGES:
        after.change(changes[after.changes : number])
        cells.append(in_turn(before, after, probe.queries, queries, plain, plain))
    kept = SearchRequest(k=K, filter=parse({"bucket": {"lt": PASSING}}))
    cells.append(in_turn(before, before, probe.queries, queries, plain, kept))
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


def in_turn(
    one: Gallery, other: Gallery, queries: Embeddings, turns: int, request: SearchRequest, other_request: SearchRequest
) -> Compared:
    """Single queries to both galleries in turn; the first are to warm up."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(-20, turns):
        query = queries[turn % len(queries)][np.newaxis]
        ways = [(one, request, took[0]), (other, other_request, took[1])]
        for gallery, wanted, seconds in ways[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            gallery.view().search(query, [wanted])
            if turn >= 0:
                seconds.append(time.perf_counter() - began)
    return Compared(*(1000 * median(each) for each in took))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
