"""What a job is to do, settled before it starts: the source, the bundle, and whether anything must be embedded."""

from dataclasses import dataclass
from pathlib import Path

from index import snapshot, tables
from models.errors import BundleError, ConfigError, GalleryError
from service import serving
from service.errors import Unusable
from service.settings import Settings
from service.wire import IndexBody


@dataclass(frozen=True, slots=True)
class Plan:
    """One job's work, both paths absolute."""

    source: str
    bundle: Path
    shards: int
    builds: bool  # False where the live snapshot is to be searched as it is, by another model of its space


def plan(body: IndexBody, settings: Settings, *, current: Path) -> Plan:
    """What the body asks for, where `current` is the bundle that serves; raises Unusable for what no job could do.

    A bundle that the body names is opened, proven by its self-test and dropped again: a build may take hours, and two
    models need not lie in memory for so long.
    """
    source = None if body.source is None else _source(body.source)
    if body.bundle is None:
        assert source is not None  # the body names one of the two
        return Plan(source, current.resolve(), body.shards, builds=True)
    bundle, space_id = _bundle(body.bundle, settings)
    if source is not None:
        return Plan(source, bundle, body.shards, builds=True)
    try:
        live = snapshot.facts(settings.gallery)
    except GalleryError as error:
        raise _unusable("source", f"name a source too, since the gallery knows none ({error})") from error
    if live.space_id == space_id:
        return Plan(live.source, bundle, len(live.shards), builds=False)
    return Plan(_source(live.source), bundle, body.shards, builds=True)


def _source(named: str) -> str:
    """The folder or table that a request names; raises Unusable where there is none that a build could read."""
    way_out = f"name a folder of images, or a {', '.join(tables.READERS)} table"
    try:
        source = Path(named).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise _unusable("source", f"there is no {named!r} on the server: {way_out}") from error
    if not source.is_dir() and source.suffix.lower() not in tables.READERS:
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
        return bundle, serving.opened(bundle, settings).manifest.space_id
    except (BundleError, ConfigError) as error:
        raise _unusable("bundle", str(error)) from error


def _unusable(field: str, detail: str) -> Unusable:
    return Unusable(detail, fields=[{"field": field, "detail": detail}])
