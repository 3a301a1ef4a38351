"""The plan of a job, made before the job starts: the command that it runs, and the model that serves afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from index import places
from index.build.loss import MAX_LOSS
from index.milvus import address
from index.sources import object_stores
from index.storage.manifest import SnapshotManifest
from models import tables
from models.errors import BundleError, ConfigError, GalleryError, SourceError
from models.image_decoders import ImageDecoders
from service.errors import Unusable
from service.search import active
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Parameters of a job: build from `source` or with `bundle`; or `compact`; or go back to `snapshot`."""

    source: str | None = None  # None: the source of the live snapshot
    bundle: str | None = None  # None: the bundle that serves
    shards: int | Literal["auto"] = "auto"
    encoding: Literal["auto", "flat", "fp16", "sq8", "rabitq"] = "auto"
    recall: float | Literal["auto"] = "auto"
    max_loss: float = MAX_LOSS
    compact: bool = False
    snapshot: str | None = None
    lexical: Sequence[str] | None = None  # None: those of the live snapshot
    map: Mapping[str, str] | None = None  # None: that of the live snapshot if it gives the source, or else none


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one job; both paths are absolute, except that a source in an object store is its URL.

    `source` is empty if changes filled the gallery. `arguments` follow `likebut index`; they are empty if only the
    model changes and its space stays the same.
    """

    kind: Literal["build", "swap", "compact", "roll-back"]
    source: str
    bundle: Path
    shards: int | Literal["auto"]
    arguments: tuple[str, ...] = ()


def plan(request: JobRequest, settings: Settings, *, current: Path) -> Plan:
    """Return the plan for a request; `current` is the bundle that serves.

    Raises Unusable for impossible requests, and GalleryReadOnly for all but a swap if the gallery cannot be written.

    A bundle named by the request is opened, checked by its self-test and dropped again: a build may take hours, and two
    models should not occupy memory for so long.
    """
    gallery, current = places.argument(settings.gallery), current.resolve()
    progress = ("--background", "--progress", "json")
    if request.bundle is None or request.source is not None:
        places.check_writable(settings.gallery)
    if request.compact:
        if address.is_milvus(settings.gallery):
            raise _unusable("compact", "a gallery in Milvus holds each change at once: there is nothing to compact")
        live = _live(settings, "compact")
        return Plan("compact", live.source, current, len(live.shards), ("compact", gallery, *progress))
    if request.snapshot is not None:
        target = _kept_snapshot(request.snapshot, settings, _live(settings, "snapshot"))
        return Plan("roll-back", target.source, current, len(target.shards), ("rollback", gallery, target.name))
    source = None if request.source is None else _source(request.source)
    bundle, space_id = (current, None) if request.bundle is None else _bundle(request.bundle, settings)
    columns = request.map
    if source is None:
        live = _live(settings, "source")
        if live.space_id == space_id:
            return Plan("swap", live.source, bundle, len(live.shards))
        places.check_writable(settings.gallery)
        source = _source(live.source) if live.source else ""  # changes filled the gallery: its own items
        columns = _columns(settings) if columns is None else columns
    arguments = (
        *(
            "build",
            *([source] if source else ()),
            "--gallery",
            gallery,
            "--bundle",
            str(bundle),
            "--provider",
            settings.provider,
            "--products",
            settings.products,
            "--engines",
            str(settings.engines),
        ),
        *("--shards", str(request.shards), "--encoding", request.encoding, "--recall", str(request.recall)),
        *("--max-loss", str(request.max_loss)),
        *(f"--map={name}={column}" for name, column in (columns or {}).items()),
        *(() if request.lexical is None else (f"--lexical={','.join(request.lexical)}",)),
        *("--allow-private-hosts", str(settings.allow_private_hosts).lower()),
        *progress,
    )
    return Plan("build", source, bundle, request.shards, arguments)


def _live(settings: Settings, field: str) -> SnapshotManifest:
    """Return the manifest of the live snapshot; raises Unusable if there is none."""
    try:
        return places.live_manifest(settings.gallery)
    except GalleryError as error:
        raise _unusable(field, f"the gallery has no live snapshot, so name a source ({error})") from error


def _columns(settings: Settings) -> Mapping[str, str]:
    """Return the map from attributes to columns by which the live snapshot was built."""
    return places.columns(settings.gallery)


def _kept_snapshot(name: str, settings: Settings, live: SnapshotManifest) -> SnapshotManifest:
    """Return the kept snapshot of that name; raises Unusable if there is none, or if it needs another model."""
    snapshots = {manifest.name: manifest for manifest in places.kept_snapshots(settings.gallery)}
    if name not in snapshots:
        raise _unusable("snapshot", f"the gallery has no snapshot {name!r}: it has {', '.join(snapshots)}")
    if snapshots[name].space_id != live.space_id:
        raise _unusable("snapshot", f"snapshot {name} belongs to another model: start a build with that model's bundle")
    return snapshots[name]


def _source(name: str) -> str:
    """Return the folder or table that a request names; raises Unusable if a build could not read it."""
    way_out = f"name a folder of images, or a {', '.join(tables.SUFFIXES)} table"
    if name.lower().startswith(("http://", "https://")):
        way_out = "download it, and send it as the body of this request, as deploy/feed.sh does"
    if object_stores.is_store(name):
        try:
            readable = object_stores.is_folder(name) or tables.is_table(name)
        except SourceError as error:
            raise _unusable("source", str(error)) from error
        if not readable:
            raise _unusable("source", f"{name!r} is neither a folder nor a readable table: {way_out}")
        return name
    try:
        source = Path(name).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise _unusable("source", f"{name!r} does not exist on the server: {way_out}") from error
    if not source.is_dir() and not tables.is_table(source.name):
        raise _unusable("source", f"{name!r} is neither a folder nor a readable table: {way_out}")
    return str(source)


def _bundle(name: str, settings: Settings) -> tuple[Path, str]:
    """Return the folder of a bundle that a request names, and its space; raises Unusable if it could not serve."""
    try:
        bundle = Path(name).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise _unusable(
            "bundle", f"{name!r} does not exist on the server: name the folder of an exported model"
        ) from error
    try:
        decoders = ImageDecoders(1, cpu_s=settings.decode_s)  # starts no process, as nothing is decoded
        return bundle, active.open_bundle(bundle, settings, decoders).manifest.space_id
    except (BundleError, ConfigError) as error:
        raise _unusable("bundle", str(error)) from error


def _unusable(field: str, detail: str) -> Unusable:
    return Unusable(detail, fields=[{"field": field, "detail": detail}])
