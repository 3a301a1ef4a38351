"""The active pair that serves searches: a model and a snapshot of its space, always replaced together."""

import os
from dataclasses import dataclass
from pathlib import Path

from index.edits import restate
from index.gallery import Gallery
from index.milvus import address
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.read_only_journal import open_journal as opened_journal
from models.bundle import Bundle
from models.encoder import Encoder
from models.errors import GalleryBroken, GalleryError, GalleryMissing, GalleryMoved
from models.image_decoders import ImageDecoders
from service.errors import NotReady
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Active:
    """One model and the snapshot that it searches."""

    bundle: Path  # the model's folder
    encoder: Encoder
    gallery: Gallery | None
    reason: str = ""  # why there is no gallery

    def live(self) -> Gallery:
        """Return the snapshot; raises NotReady if there is none."""
        if self.gallery is None:
            raise NotReady(f"there is nothing to search: {self.reason}")
        return self.gallery

    def displaced(self) -> str:
        """Return why the folder at the gallery's path is not the one that was opened, or takes no change; else ""."""
        try:
            if self.gallery is not None:
                self.gallery.store.check_health()
        except (GalleryBroken, GalleryMissing, GalleryMoved) as error:
            return str(error)
        except GalleryError:
            pass  # the machine is short of something for a moment
        return ""

    def model(self, bundle: Path, settings: Settings, decoders: ImageDecoders) -> Encoder:
        """Return the model in `bundle`, opened and checked; raises BundleError.

        If the folder still holds the model in memory, that one is returned, with its reference-image cache.
        """
        same = Bundle.open(bundle).manifest == self.encoder.manifest
        return self.encoder if same else open_bundle(bundle, settings, decoders)

    def successor(self, bundle: Path, encoder: Encoder, settings: Settings) -> "Active":
        """Return a model with the live snapshot of the gallery, opened and checked.

        Raises GalleryError if the snapshot cannot be used or belongs to another space.
        """
        if address.is_milvus(settings.gallery):
            return Active(bundle, encoder, Gallery.open(settings.gallery, space_id=encoder.manifest.space_id))
        snapshot.current(settings.gallery)  # raises here if there is no gallery; otherwise a journal would be created
        current = None if self.gallery is None or self.displaced() else self.gallery.journal
        journal = current if isinstance(current, Journal) else opened_journal(settings.gallery)  # else a copy
        restate(journal, encoder, max_pixels=settings.max_pixels)  # before the journal is read
        gallery = Gallery.open(
            settings.gallery, space_id=encoder.manifest.space_id, journal=journal, gpus=settings.index_on == "auto"
        )
        return Active(bundle, encoder, gallery)


def open_bundle(bundle: Path, settings: Settings, decoders: ImageDecoders) -> Encoder:
    """Return the model in `bundle`, checked by its self-test; raises BundleError and ConfigError."""
    encoder = Encoder.open(
        bundle,
        threads=settings.shared(os.cpu_count() or 1).per_batch,
        device=settings.device,
        reference_cache_bytes=settings.share(settings.reference_cache_mb * 2**20),
        decoders=decoders,
    )
    if settings.device.is_gpu:
        encoder.warm_up(settings.max_batch)
    return encoder
