"""Embeds one part of a source, on any machine; a build then finds the vectors (`likebut index embed`)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from index.build.embed import EmbeddedImages, embed_chunks
from index.build.images_of_rows import flattened
from index.build.resume import BUILDING, EmbeddedChunks
from index.build.reuse import ReusableVectors
from index.build.snapshot_writer import Progress, Report, rate, translate_os_errors
from index.sources import clip_retrieval
from index.sources import rows as source_rows
from index.sources.rows import NO_MAP
from index.storage import snapshot
from models.encoder import Encoder
from models.errors import ConfigError, SourceError


@dataclass(frozen=True, slots=True)
class SourcePart:
    """One of `parts` parts of a source, from 1: every so many-th item of it."""

    number: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> "SourcePart":
        """Parse "3/8"; raises ConfigError."""
        number, slash, parts = text.partition("/")
        if not slash or not number.isdecimal() or not parts.isdecimal() or not 1 <= int(number) <= int(parts):
            raise ConfigError(f"the part {text!r} is none: give its number from 1 and that of all parts, as 3/8")
        return cls(int(number), int(parts))

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"


def embed_part(
    source: str,
    part: SourcePart,
    encoder: Encoder,
    *,
    gallery: Path | None,
    blocks: str | None = None,
    columns: Mapping[str, str] = NO_MAP,
    private_hosts: bool = True,
    progress: Report,
) -> EmbeddedImages:
    """Embeds the images of a part that no chunk and no live snapshot of the gallery has, and puts them as chunks.

    They lie in the gallery's folder, or in `blocks`, a folder or a folder's URL in a store. Any number of processes may
    run at the same time, also of the same part; one that is killed loses at most its last chunk. An image that another
    part has, too, may be embedded by both. Raises ConfigError without a place, and SourceError as a build does.
    """
    if gallery is None and blocks is None:
        raise ConfigError("there is no place for the vectors: add --gallery DIR, or --blocks DIR or URL")
    if clip_retrieval.is_layout(source):
        raise SourceError(f"{source} holds embeddings already: build from it")
    with translate_os_errors(gallery or Path(str(blocks)), otherwise="embed again; what is embedded is kept"):
        chunks = EmbeddedChunks.open(gallery, blocks, space_id=encoder.manifest.space_id)
        return _embedded(source, part, encoder, gallery, chunks, columns, private_hosts, progress)


def _embedded(
    source: str,
    part: SourcePart,
    encoder: Encoder,
    gallery: Path | None,
    chunks: EmbeddedChunks,
    columns: Mapping[str, str],
    private_hosts: bool,
    progress: Report,
) -> EmbeddedImages:
    begun = time.monotonic()
    own = [] if gallery is None else [*snapshot.own_paths(gallery), gallery / BUILDING]
    every = source_rows.rows(source, without=own, columns=columns)
    rows = [row for number, row in enumerate(every) if number % part.parts == part.number - 1]
    images = flattened(rows)
    uris = {row.image for row in images}
    known = ReusableVectors.without_vectors(gallery, chunks, uris, space_id=encoder.manifest.space_id)
    progress(Progress("embed", 0, len(images), 0.0))
    return embed_chunks(
        rows,
        encoder,
        known,
        chunks,
        lambda done, unreachable: progress(Progress("embed", done, len(images), rate(done, begun), unreachable)),
        private_hosts=private_hosts,
    )
