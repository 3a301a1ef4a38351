"""What a job is to do, settled before it starts: the command that it runs, and the model that serves after it."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from index.sources import object_stores
from index.storage import snapshot
from index.storage.manifest import SnapshotManifest
from models import tables
from models.errors import BundleError, ConfigError, GalleryError, SourceError
from service.errors import Unusable
from service.schemas.gallery import IndexBody
from service.search import active
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """One job's work; both paths absolute, but a source in a store is its URL.

    `words` follow `likebut index`; there are none where the live snapshot is searched as it is, by another model of
    its space.
    """

    kind: Literal["build", "swap", "compact", "roll-back"]
    source: str
    bundle: Path
    shards: int | Literal["auto"]
    words: tuple[str, ...] = ()


def plan(body: IndexBody, settings: Settings, *, current: Path) -> Plan:
    """What the body asks for, where `current` is the bundle that serves; raises Unusable for what no job could do.

    A bundle that the body names is opened, proven by its self-test and dropped again: a build may take hours, and two
    models need not lie in memory for so long.
    """
    gallery, current = str(settings.gallery.resolve()), current.resolve()
    if body.compact or body.snapshot is not None:
        live = _live(settings, "compact" if body.compact else "snapshot")
        if body.snapshot is None:
            compacts = ("compact", gallery, "--background", "--progress", "json")
            return Plan("compact", live.source, current, len(live.shards), compacts)
        wanted = _kept(body.snapshot, settings, live)
        return Plan("roll-back", wanted.source, current, len(wanted.shards), ("rollback", gallery, wanted.name))
    source = None if body.source is None else _source(body.source)
    bundle, space_id = (current, None) if body.bundle is None else _bundle(body.bundle, settings)
    shards = body.shards
    if source is None:
        live = _live(settings, "source")
        if live.space_id == space_id:
            return Plan("swap", live.source, bundle, len(live.shards))
        source = _source(live.source)
    words = (
        *("build", source, "--gallery", gallery, "--bundle", str(bundle), "--provider", settings.provider),
        *("--shards", str(shards), "--form", body.form, "--recall", str(body.recall)),
        *("--background", "--progress", "json"),
    )
    return Plan("build", source, bundle, shards, words)


def _live(settings: Settings, field: str) -> SnapshotManifest:
    """What the live snapshot says of itself; raises Unusable where there is none."""
    try:
        return snapshot.live_manifest(settings.gallery)
    except GalleryError as error:
        raise _unusable(field, f"name a source too, since the gallery knows none ({error})") from error


def _kept(name: str, settings: Settings, live: SnapshotManifest) -> SnapshotManifest:
    """The kept snapshot of that name; raises Unusable where there is none that the model that serves could search."""
    kept = {manifest.name: manifest for manifest in snapshot.kept_snapshots(settings.gallery)}
    if name not in kept:
        raise _unusable("snapshot", f"the gallery keeps no snapshot {name!r}: it has {', '.join(kept)}")
    if kept[name].space_id != live.space_id:
        raise _unusable("snapshot", f"{name} is of another model: build with that model's bundle")
    return kept[name]


def _source(named: str) -> str:
    """The folder or table that a request names; raises Unusable where there is none that a build could read."""
    way_out = f"name a folder of images, or a {', '.join(tables.SUFFIXES)} table"
    if object_stores.is_store(named):
        try:
            readable = object_stores.is_folder(named) or PurePosixPath(named).suffix.lower() in tables.SUFFIXES
        except SourceError as error:
            raise _unusable("source", str(error)) from error
        if not readable:
            raise _unusable("source", f"{named!r} is neither a folder nor a table that can be read: {way_out}")
        return named
    try:
        source = Path(named).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise _unusable("source", f"there is no {named!r} on the server: {way_out}") from error
    if not source.is_dir() and source.suffix.lower() not in tables.SUFFIXES:
        raise _unusable("source", f"{named!r} is neither a folder nor a table that can be read: {way_out}")
    return str(source)


def _bundle(named: str, settings: Settings) -> tuple[Path, str]:
    """The folder of a bundle that a request names, and its space; raises Unusable where it could not serve here."""
    try:
        bundle = Path(named).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise _unusable(
            "bundle", f"there is no {named!r} on the server: name the folder of an exported model"
        ) from error
    try:
        return bundle, active.open_bundle(bundle, settings).manifest.space_id
    except (BundleError, ConfigError) as error:
        raise _unusable("bundle", str(error)) from error


def _unusable(field: str, detail: str) -> Unusable:
    return Unusable(detail, fields=[{"field": field, "detail": detail}])
