"""Builds a gallery in Milvus from a source: read, embed, write a collection beside the live one, publish."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow

from index import uploads
from index.build.build import OWN, Built
from index.build.create import NO_SOURCE
from index.build.embed import embed
from index.build.loss import LossLimit
from index.build.milvus.new_snapshot import NewSnapshot, live_facts
from index.build.resume import EmbeddedChunks
from index.build.reuse import ReusableVectors
from index.build.snapshot_writer import Progress, Report, rate
from index.items import items
from index.milvus.address import MilvusAddress
from index.milvus.connection import MilvusConnection
from index.milvus.records import READ, StoredItem
from index.milvus.row_watch import RowWatch
from index.milvus.shop import MilvusShop, ShopSnapshot
from index.sources import clip_retrieval, object_stores
from index.sources import rows as source_rows
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import unlike_images
from index.vectors.encodings import IndexOptions
from models.encoder import Encoder
from models.errors import SourceError


def last_source(address: MilvusAddress) -> tuple[str, Mapping[str, str]]:
    """The source of the live snapshot, "" if changes filled it, and the map of its columns."""
    shop = MilvusShop(MilvusConnection(address))
    facts = shop.snapshot(shop.live_name())
    return facts.manifest.source, facts.columns


def build(
    source: Path | str | None,
    address: MilvusAddress,
    encoder: Encoder,
    *,
    shape: IndexOptions,
    max_loss: float,
    private_hosts: bool,
    columns: Mapping[str, str],
    blocks: str | None = None,
    progress: Report,
) -> Built:
    """Indexes the source, or the gallery's own items, and makes them live, as `build.build` does in a folder.

    An image whose vector the live snapshot, a killed build or one of the `blocks` holds is not embedded again. What is
    changed meanwhile is brought onto the new snapshot, before it is live and after.
    """
    started = time.monotonic()
    address.folder.mkdir(parents=True, exist_ok=True)
    shop = MilvusShop(MilvusConnection(address))
    shop.prepare()
    space_id = encoder.manifest.space_id
    with shop.lease() as keep:

        def report(made: Progress) -> None:
            keep()
            progress(made)

        began, known = datetime.now(UTC), shop.stamps()
        live = live_facts(shop)
        former = [] if live is None else _stored(shop, live)
        named = OWN if source is None else source_rows.display_name(source)
        limit = LossLimit({each.item.id for each in former}, max_loss, named)
        chunks, notes = EmbeddedChunks.open(address.folder, blocks, space_id=space_id), list[str]()
        if source is not None and clip_retrieval.is_layout(source):
            manifest = encoder.manifest
            embedded = clip_retrieval.read(
                Path(source),
                dimension=manifest.dimension,
                space_id=space_id,
                note=notes.append,
                scratch=address.folder,
            )
        else:
            rows = _rows(source, address, former, columns, notes)
            report(Progress("read", len(rows), len(rows), rate(len(rows), started)))
            limit.check(rows)
            reusable = _reusable(former if live and live.manifest.space_id == space_id else [], chunks, encoder)
            embedded = _embedded(rows, encoder, reusable, chunks, private_hosts, address.folder, report)
        if embedded.skipped and not embedded.rows:
            first = embedded.skipped[0]
            raise SourceError(
                f"{named} has no usable image among {len(embedded.skipped)} rows; the first, {first.id!r}:"
                f" {first.reason}"
            )
        limit.check(embedded.rows, embedded.skipped)
        origin = NO_SOURCE
        if source is not None:
            origin = str(source) if object_stores.is_store(str(source)) else str(Path(source).resolve())
        types = {} if live is None else live.types
        new = NewSnapshot(shop, encoder.manifest, began, origin, columns, notes, shape, encoder.known_images)
        facts, skipped = new.write(embedded, types, known, report)
        chunks.remove()
    return Built(
        facts.manifest.name,
        facts.manifest.count,
        embedded.computed,
        max(0, len(embedded.rows) - embedded.computed),
        [*embedded.skipped, *skipped],
        time.monotonic() - started,
        facts.manifest.recall_goal,
        facts.manifest.recall_at_10,
        facts.manifest.count,
        len(embedded.unreachable),
        [*facts.notes, *unlike_images.notes(facts.manifest, address.name)],
    )


def _stored(shop: MilvusShop, live: ShopSnapshot) -> list[StoredItem]:
    """All items of the live snapshot; raises GalleryUnavailable if Milvus does not have all at hand."""
    collection = shop.collection(live)
    with RowWatch(shop, collection, live.manifest) as watch:
        stored = [StoredItem.read(record) for record in collection.all("", READ)]
        watch.require("a build reads all items")
    return stored


def _rows(
    source: Path | str | None,
    address: MilvusAddress,
    former: Sequence[StoredItem],
    columns: Mapping[str, str],
    notes: list[str],
) -> list[SourceRow]:
    if source is not None:
        without = [address.folder, Path(address.uri)]
        return list(source_rows.rows(source, without=without, columns=columns, note=notes.append))
    return [
        SourceRow(
            each.item.id,
            uploads.local_uri(address.folder, each.item.uri),
            each.item.attributes,
            content=each.content,
            fingerprint=each.fingerprint,
        )
        for each in former
    ]


def _reusable(former: Sequence[StoredItem], chunks: EmbeddedChunks, encoder: Encoder) -> ReusableVectors:
    """The vectors of the live snapshot, and those of a killed build, which take precedence."""
    dimension = encoder.manifest.dimension
    states = [(each.item.uri, each.content, each.fingerprint) for each in former]
    blocks = [np.array([each.vector for each in former], np.float16).reshape(-1, dimension)]
    for more, vectors in chunks:
        if vectors.shape == (len(more), dimension):
            states += [(uri, content, fingerprint) for uri, content, fingerprint in more]
            blocks.append(vectors)
    table = pyarrow.table(
        {
            name: pyarrow.array(values, pyarrow.large_string())
            for name, values in zip(items.STATES, zip(*states, strict=True) if states else ((), (), ()), strict=True)
        }
    )
    return ReusableVectors(table, np.concatenate(blocks), [each.item.id for each in former], len(former))


def _embedded(
    rows: Sequence[SourceRow],
    encoder: Encoder,
    known: ReusableVectors,
    chunks: EmbeddedChunks,
    private_hosts: bool,
    scratch: Path,
    progress: Report,
) -> Embedded:
    begun, total = time.monotonic(), len(rows)
    first = [replace(row, further=()) for row in rows]

    def report(done: int, unreachable: int) -> None:
        progress(Progress("embed", done, total, rate(done, begun), unreachable))

    embedded = embed(first, encoder, known, chunks, report, scratch=scratch, private_hosts=private_hosts)
    several = {row.id: row.further for row in rows if row.further}
    return replace(embedded, rows=[replace(row, further=several.get(row.id, ())) for row in embedded.rows])
