"""The source of a build that names none: that of the live snapshot, or the gallery's own items if it has none."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from index import uploads
from index.build.compact import present_rows
from index.items import attribute_file
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.view import RowView


def last_source(gallery: Path) -> tuple[str, Mapping[str, str]]:
    """Return the source of the live snapshot, "" if changes filled it, and the map of its columns.

    Raises GalleryMissing and GalleryBroken.
    """
    live = snapshot.live(gallery)
    return live.manifest.source, attribute_file.read_source(live.path / snapshot.ATTRIBUTES).columns


def own_rows(gallery: Path, items: RowView) -> list[SourceRow]:
    """Return the present items as rows, whose images are those that the gallery stores or the URLs that it knows."""
    return [
        replace(
            row,
            image=uploads.local_uri(gallery, row.image),
            further=tuple(replace(image, uri=uploads.local_uri(gallery, image.uri)) for image in row.further),
        )
        for row in present_rows(items)
    ]
