"""Rows with several images as single images, one after the other, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.sources.embedded import SkippedRow
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from models.arrays import Vectors


def flattened(rows: Sequence[SourceRow]) -> list[SourceRow]:
    """Return the rows with their first images, then one for each further image, in order."""
    return [
        *rows,
        *(
            SourceRow(row.id, image.uri, {}, image.problem, image.content, image.fingerprint)
            for row in rows
            for image in row.further
        ),
    ]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows with their usable images, the vectors of first and then of further ones, and what cannot be used.

    `skipped` are rows without a usable image, `unusable` the other images.
    """

    rows: Sequence[SourceRow]
    vectors: Vectors
    skipped: Sequence[SkippedRow]
    unusable: Sequence[SkippedRow]


def grouped(rows: Sequence[SourceRow], results: Sequence[SourceRow | SkippedRow], vectors: Vectors) -> Grouped:
    """Return the rows with the results of their images, given in the order of `flattened` with vectors (n, d).

    A row begins with the first of its images that can be used; of images with the same bytes it keeps one.
    """
    items: list[SourceRow] = []
    firsts: list[int] = []
    others: list[int] = []
    skipped: list[SkippedRow] = []
    unusable: list[SkippedRow] = []
    end = len(rows)
    for number, row in enumerate(rows):
        numbers = [number, *range(end, end + len(row.further))]
        end += len(row.further)
        usable: dict[str, tuple[int, SourceRow]] = {}
        failed: list[SkippedRow] = []
        for place in numbers:
            result = results[place]
            if isinstance(result, SkippedRow):
                failed.append(result)
            else:
                usable.setdefault(result.content or result.image, (place, result))
        if not usable:
            skipped.append(failed[0])
            continue
        unusable += failed
        (first, state), *further = usable.values()
        images = tuple(FurtherImage(each.image, each.content, each.fingerprint) for _, each in further)
        items.append(replace(state, id=row.id, attributes=row.attributes, further=images))
        firsts.append(first)
        others += [place for place, _ in further]
    if len(firsts) + len(others) < len(results) or others:
        vectors = vectors[np.array([*firsts, *others], np.int64)]
    return Grouped(items, vectors, skipped, unusable)
