"""Prints facts of a gallery: its live snapshot, the attributes, the notes of the build, and the skipped rows."""

import json
from pathlib import Path

from index import places
from index.items import attribute_file
from index.milvus import address
from index.storage import snapshot, unlike_images
from models import cli


def show(gallery: Path, *, as_json: bool) -> None:
    """Prints the facts of the live snapshot; raises GalleryError."""
    if address.is_milvus(gallery):
        _show_in_milvus(gallery, as_json=as_json)
        return
    live = snapshot.live(gallery)
    columns = attribute_file.read(live.path / snapshot.ATTRIBUTES)
    source = attribute_file.read_source(live.path / snapshot.ATTRIBUTES)
    attributes = attribute_file.kinds(columns)
    manifest = live.manifest
    unlike = unlike_images.of_snapshot(manifest)
    notes = [*source.notes, *unlike_images.notes(manifest, str(gallery))]
    facts: dict[str, object] = {
        "snapshot": manifest.name,
        "created": manifest.created.isoformat(),
        "source": manifest.source,
        "items": manifest.count,
        "images": manifest.count + (manifest.images or 0),
        "skipped": manifest.skipped,
        "unlike": None if unlike is None else round(unlike.share, 4),
        "dimension": manifest.dimension,
        "space_id": manifest.space_id,
        "model_id": manifest.model_id,
        "shards": [shard.count for shard in manifest.shards],
        "encoding": manifest.encoding,
        "nlist": manifest.nlist,
        "nprobe": manifest.nprobe,
        "recall_at_10": manifest.recall_at_10,
        "kept": [each.name for each in snapshot.kept_snapshots(gallery)],
        "faiss_version": manifest.faiss_version,
        "bytes": manifest.size_bytes,
        "attributes": attributes,
        "lexical": manifest.lexical,
        "map": dict(source.columns),
        "notes": notes,
    }
    if not as_json:
        facts["shards"] = (
            f"{len(manifest.shards)}, of {', '.join(str(shard.count) for shard in manifest.shards)} images"
        )
        facts["unlike"] = (
            "not known, since the bundle does not say which images it knows"
            if unlike is None
            else f"{unlike.share:.1%} of the images are unlike those that the model knows"
        )
        facts["kept"] = ", ".join(each.name for each in snapshot.kept_snapshots(gallery))
        facts["recall_at_10"] = f"{manifest.recall_at_10:.4f}"
        facts["bytes"] = f"{manifest.size_bytes:,}"
        facts["attributes"] = ", ".join(f"{name} ({'/'.join(kinds)})" for name, kinds in attributes.items()) or "none"
        facts["lexical"] = "none" if manifest.lexical is None else ", ".join(["id", *manifest.lexical])
        facts["map"] = ", ".join(f"{name}={column}" for name, column in source.columns.items()) or "none"
        facts["notes"] = "\n".join(["", *notes]) if notes else "none"
    cli.show(facts, as_json=as_json)


def _show_in_milvus(gallery: Path, *, as_json: bool) -> None:
    manifest, kept = places.live_manifest(gallery), [each.name for each in places.kept_snapshots(gallery)]
    facts: dict[str, object] = {
        "snapshot": manifest.name,
        "created": manifest.created.isoformat(),
        "source": manifest.source,
        "items": manifest.count,
        "skipped": manifest.skipped,
        "dimension": manifest.dimension,
        "space_id": manifest.space_id,
        "model_id": manifest.model_id,
        "encoding": manifest.encoding,
        "nlist": manifest.nlist,
        "nprobe": manifest.nprobe,
        "recall_at_10": manifest.recall_at_10,
        "kept": kept if as_json else ", ".join(kept),
        "map": dict(places.columns(gallery)),
    }
    cli.show(facts, as_json=as_json)


def show_skipped(gallery: Path, *, as_json: bool) -> None:
    """Prints the rows of the source that have no item in the live snapshot, and why; raises GalleryError."""
    live = snapshot.live(gallery)
    for line in (live.path / snapshot.SKIPPED).read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if as_json:
            cli.print_json(record)
        else:
            print(f"{record['id']}: {record['reason']}")
