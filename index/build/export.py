"""Exports a gallery in clip-retrieval's layout: img_emb/img_emb_<n>.npy beside metadata/metadata_<n>.parquet."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from index.build.compact import embedded
from index.build.images_of_rows import flattened
from index.items.attribute_file import ARROW, first_rows, typed_array
from index.items.attribute_types import common_type
from index.sources.clip_retrieval import IMAGES, MANIFEST, METADATA, NUMBER
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.read_only_journal import open_journal
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
    out.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_journal(gallery)) as journal:  # also of a gallery that cannot be written
        contents = embedded(RowView.open(live, journal), out.parent)
    with files.new_folder(out) as folder:
        paths = _write(folder, contents.rows, contents.vectors)
        further = {NUMBER: _number_column(contents.rows)} if len(contents.vectors) > len(contents.rows) else {}
        facts = {
            "model_id": live.manifest.model_id,
            "space_id": live.manifest.space_id,
            "dimension": live.manifest.dimension,
            "normalised": True,
            "count": len(contents.rows),
            **further,
            "files": {str(path.relative_to(folder)): files.digest(path) for path in paths},
        }
        (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return len(contents.rows)


def _write(folder: Path, rows: Sequence[SourceRow], vectors: Vectors) -> list[Path]:
    """Writes the files of embeddings and metadata, in pairs, and returns their paths; further images are at the end."""
    for name in (IMAGES, METADATA):
        (folder / name).mkdir()
    names = sorted({name for row in rows for name in row.attributes})
    numbers = [0] * len(rows) + [number for row in rows for number, _ in enumerate(row.further, start=1)]
    number_column, rows = _number_column(rows), flattened(rows)
    columns = {
        "id": pyarrow.array([row.id for row in rows], ARROW["text"]),
        "image" if "image_path" in names else "image_path": pyarrow.array([row.image for row in rows], ARROW["text"]),
    }
    for name in names:
        values = [row.attributes.get(name) for row in rows]
        columns[name] = typed_array(values, common_type(first_rows(values)))
    if any(numbers):
        columns[number_column] = pyarrow.array(numbers, pyarrow.int32())
    table = pyarrow.table(columns)
    starts = range(0, len(rows), PART)
    digits = len(str(len(starts) - 1))
    paths: list[Path] = []
    for number, start in enumerate(starts):
        embeddings = folder / IMAGES / f"{IMAGES}_{number:0{digits}d}.npy"
        np.save(embeddings, vectors[start : start + PART])
        metadata = folder / METADATA / f"{METADATA}_{number:0{digits}d}.parquet"
        parquet.write_table(table.slice(start, PART), metadata, compression="zstd")
        paths += [embeddings, metadata]
    return paths


def _number_column(rows: Sequence[SourceRow]) -> str:
    """The name of the column for the number of an image among those of its item; no attribute has it."""
    names, column = {name for row in rows for name in row.attributes}, NUMBER
    while column in names:
        column += "_"
    return column
