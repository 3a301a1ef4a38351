"""Likebut's gallery as one of the engines: items with ids and attributes, exact scores, changes until now."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

import gallery as bench
from index.build.snapshot_writer import Progress, SnapshotOrigin, write
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.journal import Journal
from index.vectors.encodings import IndexOptions
from peers.engines import COLUMNS, Ids, Kept, Matrix


class Likebut:
    """Ours; the build sets the number of lists probed, and the search widens it by what a filter keeps."""

    efforts = (0, 0)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        values = zip(*(columns[column].tolist() for column in COLUMNS), strict=True)
        rows = [SourceRow(f"item {n}", "", dict(zip(COLUMNS, each, strict=True))) for n, each in enumerate(values)]
        Journal.open(folder).close()
        contents = Embedded(rows, vectors.astype(np.float16), [], computed=0, new=len(rows))
        origin = SnapshotOrigin("drawn", bench.SPACE, "drawn", 0)
        made, _ = write(folder, contents, origin, IndexOptions(1, "auto", recall=0.95), _quiet, known={}, lexical=())
        snapshot.publish(folder, made.manifest.name)

    def open(self, folder: Path) -> None:
        self._gallery = Gallery.open(folder, space_id=bench.SPACE)

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        condition = {} if kept is None else {kept.column: {"lt": kept.below}}
        request = SearchRequest(k=k, filter=parse(condition))
        found = np.full((len(queries), k), -1)
        for number, answer in enumerate(self._gallery.view().search(queries, [request] * len(queries))):
            found[number, : len(answer.hits)] = [int(hit.item.id.split()[1]) for hit in answer.hits]
        return found


def _quiet(progress: Progress) -> None:
    """Report nothing."""
