"""Reads embeddings in clip-retrieval's layout: img_emb/img_emb_<n>.npy beside metadata/metadata_<n>.parquet."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from index.sources.embedded import Embedded, SkippedRow
from index.sources.rows import SourceRow, attribute_value, id_problem, is_utf8
from models import files, tables
from models.arrays import Flags, Vectors
from models.errors import SourceError

IMAGES, METADATA, MANIFEST = "img_emb", "metadata", "manifest.json"
ADDRESSES = ("image", "image_path", "url")  # the first that is there; `image` can be no attribute of ours
OFF = 2e-3  # what half precision leaves of a length of one
NUMBERED = re.compile(r"_([0-9]+)$")


def is_layout(source: Path | str) -> bool:
    """True if a local folder holds both sub-folders."""
    try:
        both = all((Path(source) / name).is_dir() for name in (IMAGES, METADATA))
    except OSError:
        return False
    return both and is_utf8(str(Path(source).resolve()))  # other paths are refused as every source is


def read(folder: Path, *, dimension: int, space_id: str) -> Embedded:
    """Every row with its vector as it is, at length one; a row whose vector is not finite or zero is skipped.

    No file says which model made the vectors: the caller vouches for their space. Raises SourceError
    for files that do not belong together, of another dimension, or that a manifest of ours says were changed.
    """
    _check_manifest(folder, space_id)
    rows: list[SourceRow] = []
    blocks: list[Vectors] = []
    skipped: list[SkippedRow] = []
    seen: set[str] = set()
    for embeddings, metadata in _pairs(folder):
        vectors, usable = _vectors(embeddings, dimension)
        found = list(_rows(metadata))
        if len(found) != len(vectors):
            raise SourceError(f"{metadata} has {len(found)} rows and {embeddings} {len(vectors)}: write the pair again")
        for row, good in zip(found, usable.tolist(), strict=True):
            if row.id in seen:
                raise SourceError(
                    f"{metadata} has the id {row.id!r} of an earlier row: give every row an id of its own"
                )
            seen.add(row.id)
            if good:
                rows.append(row)
            else:
                reason = f"its vector in {embeddings.name} is not finite, or zero"
                skipped.append(SkippedRow(row.id, row.image, reason))
        blocks.append(vectors[usable])
    return Embedded(rows, np.concatenate(blocks), skipped, computed=0, new=len(rows))


def _check_manifest(folder: Path, space_id: str) -> None:
    """Another program's layout has no manifest, and is taken at its owner's word."""
    path = folder / MANIFEST
    if not path.exists():
        return
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        space, digests = facts["space_id"], dict(facts["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path} is no manifest of an export ({error!r}): export again, or remove it") from error
    if space != space_id:
        raise SourceError(f"{path} says that another model made these vectors: name its bundle with --bundle")
    for name, digest in digests.items():
        if not (folder / name).is_file() or files.digest(folder / name) != digest:
            raise SourceError(f"{folder / name} is not as {path} says: export or copy it again")


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The files of embeddings and of metadata that bear the same number, by number."""
    sides: list[dict[int, Path]] = []
    for name, suffix in ((IMAGES, ".npy"), (METADATA, ".parquet")):
        paths = sorted((folder / name).glob(f"{name}_*{suffix}"))
        sides.append({int(found[1]): path for path in paths if (found := NUMBERED.search(path.stem))})
    embeddings, metadata = sides
    for number in sorted(embeddings.keys() ^ metadata.keys()):
        alone = embeddings.get(number) or metadata[number]
        raise SourceError(f"{alone} has no partner of the same number: write the pair again")
    if not embeddings:
        raise SourceError(f"{folder / IMAGES} has no {IMAGES}_<n>.npy: write the embeddings there")
    return [(embeddings[number], metadata[number]) for number in sorted(embeddings)]


def _vectors(path: Path, dimension: int) -> tuple[Vectors, Flags]:
    """The vectors (n, d) of a file, and which of them can be used."""
    try:
        raw = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{path} is not a whole array ({error}): write or copy it again") from error
    if raw.dtype not in (np.float16, np.float32):
        raise SourceError(f"{path} holds {raw.dtype}: write its vectors as float16 or float32")
    if raw.ndim != 2 or raw.shape[1] != dimension:
        raise SourceError(
            f"{path} has the shape {raw.shape}, and the bundle's dimension is {dimension}: take its bundle"
        )
    wide = raw.astype(np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide, dtype=np.float64))  # (n,)
    usable: Flags = np.isfinite(lengths) & (lengths > 0)
    unit = np.abs(lengths - 1) <= OFF  # as they are: to round twice would change them
    scaled = usable & ~unit
    wide[scaled] = wide[scaled] / lengths[scaled, np.newaxis]
    wide[~usable] = 0
    return wide.astype(np.float16), usable


def _rows(path: Path) -> Iterator[SourceRow]:
    try:
        table = parquet.read_table(path, partitioning=None)
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{path} is not a whole Parquet table ({error}): write or copy it again") from error
    address = next((name for name in ADDRESSES if name in table.column_names), None)
    named = "id" if "id" in table.column_names else "image_path"
    if address is None or named not in table.column_names:
        raise SourceError(f"{path} has no column id or image_path, or no {', '.join(ADDRESSES)}: add them")
    columns = {
        name: tables.cell_values(table.column(name).combine_chunks(), f"{path}, column {name!r}")
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
        if tables.is_text_list(kind) or not pyarrow.types.is_nested(kind)
    }
    for number in range(table.num_rows):
        record = {name: cells[number] for name, cells in columns.items()}
        id, uri = record.pop(named) if named == "id" else record[named], record.pop(address)
        if id is None or not isinstance(uri, str | None):
            raise SourceError(f"{path}, row {number + 1} has the id {id!r} and the image {uri!r}: give both as text")
        if problem := id_problem(str(id)):
            raise SourceError(f"{path}, row {number + 1} has an unusable id ({problem}): give it another one")
        attributes = {name: attribute_value(cell, f"{path}, column {name!r}") for name, cell in record.items()}
        yield SourceRow(str(id), uri or "", attributes)
