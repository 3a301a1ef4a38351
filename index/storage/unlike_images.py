"""Counts a gallery's images that are unlike those that its model knows, and says how to get another model."""

from dataclasses import dataclass

import numpy as np

from index.storage.contents import Contents
from index.storage.manifest import SnapshotManifest
from index.storage.view import RowView
from models.arrays import Rows, Vectors
from models.bundle import MANY_UNLIKE

EXPORT = "likebut export --model ViT-B-32 --pretrained laion2b_s34b_b79k --out vit-b-32"


@dataclass(frozen=True, slots=True)
class UnlikeCount:
    """Number of a gallery's images, and of those among them that are unlike what its model knows."""

    count: int
    images: int

    @property
    def share(self) -> float:
        """The share of the images, from 0 to 1."""
        return self.count / max(1, self.images)

    @property
    def are_many(self) -> bool:
        """True if the gallery lies outside of what its model knows, so that searches may find little."""
        return self.share >= MANY_UNLIKE

    def advice(self, model_id: str, *, source: str, build: str) -> str:
        """Return a sentence on the share and the way to another model; `build` says how to build with it."""
        export, tailor = commands(source)
        return (
            f"{self.share:.0%} of the images are unlike those that the model {model_id} knows, so searches may find"
            f" little: export a model of such images (`{export}`), or make one of your products (`{tailor}`), and build"
            f" with it ({build})"
        )


def commands(source: str) -> list[str]:
    """Return the commands that export a model of photographs, and that make one of the products of a source."""
    return [EXPORT, f"likebut tailor {source or 'SOURCE'} --bundle vit-b-32 --out mine"]


def of_snapshot(manifest: SnapshotManifest) -> UnlikeCount | None:
    """Return what was counted when the snapshot was written; None if its model does not say what it knows."""
    if manifest.unlike is None:
        return None
    return UnlikeCount(manifest.unlike, manifest.count + (manifest.images or 0))


def notes(manifest: SnapshotManifest, gallery: str) -> list[str]:
    """Return the advice for a snapshot of a named gallery as a list, empty if the model knows its images."""
    unlike = of_snapshot(manifest)
    if unlike is None or not unlike.are_many:
        return []
    build = f"`likebut index build --gallery {gallery} --bundle vit-b-32`"
    return [unlike.advice(manifest.model_id, source=manifest.source, build=build)]


def of_view(manifest: SnapshotManifest, rows: Contents) -> UnlikeCount | None:
    """Return the count for the living items, by the vectors of what has changed since a snapshot in a folder."""
    if not isinstance(rows, RowView):
        return of_snapshot(manifest)
    known = rows.base.known_images
    if known is None or manifest.unlike is None:
        return None
    exact, overlay = rows.base.ranking.exact, rows.overlay
    gone: Rows = overlay.dead_base
    if exact.further is not None:
        gone = np.concatenate([gone, exact.further.rows_of(gone)[0]])
    alive = np.flatnonzero(overlay.alive[overlay.start :])
    blocks = [overlay.vectors[alive]]
    if overlay.further is not None:
        blocks.append(overlay.further_vectors[overlay.further.rows_of(alive)[0] - overlay.count])
    came: Vectors = np.concatenate(blocks).astype(np.float16)  # as a compaction would write them
    count = manifest.unlike - known.count_unlike(exact.vectors[gone]) + known.count_unlike(came)
    return UnlikeCount(count, rows.image_count())
