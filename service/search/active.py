"""What answers searches now: a model and a snapshot of its space, only ever replaced together."""

import os
from dataclasses import dataclass
from pathlib import Path

from index.edits import restate
from index.gallery import Gallery
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.journal import open_journal as opened_journal
from models.bundle import Bundle
from models.encoder import Encoder
from service.errors import NotReady
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Active:
    """One model and the snapshot that it searches: whoever took this value has two that belong together."""

    bundle: Path  # the model's folder
    encoder: Encoder
    gallery: Gallery | None
    reason: str = ""  # why there is no gallery

    def live(self) -> Gallery:
        """The snapshot that answers; raises NotReady where there is none."""
        if self.gallery is None:
            raise NotReady(f"there is nothing to search: {self.reason}")
        return self.gallery

    def model(self, bundle: Path, settings: Settings) -> Encoder:
        """The model in `bundle`, opened and checked; raises BundleError.

        It stays the one in memory, with what it knows of reference pictures, where the folder still holds it.
        """
        same = Bundle.open(bundle).manifest == self.encoder.manifest
        return self.encoder if same else open_bundle(bundle, settings)

    def successor(self, bundle: Path, encoder: Encoder, settings: Settings) -> "Active":
        """The model of a folder with the gallery's live snapshot, opened and checked.

        Raises GalleryError where the snapshot cannot be used or is of another space.
        """
        snapshot.current(settings.gallery)  # or a journal would be made where there is no gallery
        kept = None if self.gallery is None else self.gallery.journal
        journal = kept if isinstance(kept, Journal) else opened_journal(settings.gallery)  # else it was read once
        restate(journal, encoder, max_pixels=settings.max_pixels)  # before it is read, and in memory as it was
        gallery = Gallery.open(settings.gallery, space_id=encoder.manifest.space_id, journal=journal)
        return Active(bundle, encoder, gallery)


def open_bundle(bundle: Path, settings: Settings) -> Encoder:
    """The model in `bundle`, proven by its self-test and run as the settings say; raises BundleError, ConfigError."""
    return Encoder.open(
        bundle,
        threads=settings.shared(os.cpu_count() or 1).each,
        provider=settings.provider,
        reference_cache_bytes=settings.reference_cache_mb * 2**20,
    )
