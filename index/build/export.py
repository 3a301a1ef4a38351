"""Exports a gallery in clip-retrieval's layout: img_emb/img_emb_<n>.npy beside metadata/metadata_<n>.parquet."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from index.build.compact import embedded
from index.sources.clip_retrieval import IMAGES, MANIFEST, METADATA
from index.sources.rows import SourceRow, Value
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.view import RowView
from models import files
from models.arrays import Vectors
from models.errors import GalleryError

PART = 100_000  # rows of a file


def export(gallery: Path, out: Path) -> int:
    """Writes the present items of a gallery to a new folder, whole or not at all, and returns their number.

    Raises GalleryMissing, GalleryBroken, and GalleryError if `out` exists.
    """
    if out.exists():
        raise GalleryError(f"{out} exists: name another folder, or remove it")
    live = snapshot.live(gallery)
    with Journal.open(gallery) as journal:
        contents = embedded(RowView.open(live, journal))
    out.parent.mkdir(parents=True, exist_ok=True)
    with files.new_folder(out) as folder:
        paths = _write(folder, contents.rows, contents.vectors)
        facts = {
            "model_id": live.manifest.model_id,
            "space_id": live.manifest.space_id,
            "dimension": live.manifest.dimension,
            "normalised": True,
            "count": len(contents.rows),
            "files": {str(path.relative_to(folder)): files.digest(path) for path in paths},
        }
        (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return len(contents.rows)


def _write(folder: Path, items: Sequence[SourceRow], vectors: Vectors) -> list[Path]:
    """Writes the files of embeddings and metadata, in pairs, and returns their paths."""
    for name in (IMAGES, METADATA):
        (folder / name).mkdir()
    names = sorted({name for item in items for name in item.attributes})
    address = "image" if "image_path" in names else "image_path"
    kinds = {name: _kind([item.attributes.get(name) for item in items]) for name in names}
    starts = range(0, len(items), PART)
    digits = len(str(len(starts) - 1))
    paths: list[Path] = []
    for number, start in enumerate(starts):
        part = items[start : start + PART]
        columns = {"id": _column([item.id for item in part], str), address: _column([item.image for item in part], str)}
        for name, kind in kinds.items():
            columns[name] = _column([item.attributes.get(name) for item in part], kind)
        embeddings = folder / IMAGES / f"{IMAGES}_{number:0{digits}d}.npy"
        np.save(embeddings, vectors[start : start + PART])
        metadata = folder / METADATA / f"{METADATA}_{number:0{digits}d}.parquet"
        parquet.write_table(pyarrow.table(columns), metadata, compression="zstd")
        paths += [embeddings, metadata]
    return paths


def _kind(values: Sequence[Value]) -> type[str] | type[int] | type[float] | type[bool]:
    """The type of a Parquet column for an attribute: text if its values have several types."""
    kinds = {type(value) for value in values if value is not None}
    for kind in (bool, int, float):
        if kinds == {kind} and (kind is not int or all(-(2**63) <= int(value or 0) < 2**63 for value in values)):
            return kind
    return float if kinds == {int, float} else str


def _column(values: Sequence[Value], kind: type[str] | type[int] | type[float] | type[bool]) -> pyarrow.Array:
    types = {str: pyarrow.large_string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    return pyarrow.array([None if value is None else kind(value) for value in values], types[kind])
