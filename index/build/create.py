"""Creates a gallery without items, which changes fill: they are searched exactly until a compaction trains lists."""

from pathlib import Path

import numpy as np

from index.build.publish import publish
from index.build.snapshot_writer import SnapshotOrigin, translate_os_errors, write
from index.lexical.words import DEFAULT_NAMES
from index.sources.embedded import Embedded
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.manifest import SnapshotManifest
from index.vectors.encodings import DEFAULT_OPTIONS
from models.bundle import KnownImages, Manifest
from models.errors import GalleryError

NO_SOURCE = ""  # of a gallery that was never built from one


def create(gallery: Path, model: Manifest, *, known_images: KnownImages | None = None) -> SnapshotManifest:
    """Makes an empty snapshot of the model's space live; raises GalleryError if the folder holds a gallery already.

    `known_images` are those that the model knows, if its bundle says.
    """
    with translate_os_errors(gallery, otherwise="create it again"), snapshot.build_lock(gallery):
        for path in snapshot.own_paths(gallery):
            if path.name != snapshot.LOCK and path.exists():
                raise GalleryError(f"{gallery} holds a gallery already ({path.name}): name another folder")
        vectors = np.empty((0, model.dimension), np.float16)
        contents = Embedded([], vectors, [], computed=0, new=0)
        with Journal.open(gallery) as journal:
            origin = SnapshotOrigin(NO_SOURCE, model.space_id, model.model_id, journal.last())
            sealed, _ = write(
                gallery,
                contents,
                origin,
                DEFAULT_OPTIONS,
                lambda progress: None,
                known={},
                lexical=DEFAULT_NAMES,
                known_images=known_images,
            )
            publish(gallery, sealed, journal)
        return sealed.manifest
