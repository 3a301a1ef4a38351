"""Reads embeddings in clip-retrieval's layout: img_emb/img_emb_<n>.npy beside metadata/metadata_<n>.parquet."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from index.sources.cells import Cells, escape_text, is_utf8
from index.sources.embedded import Embedded, SkippedRow
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow, id_problem
from models import files, tables
from models.arrays import Flags, Vectors
from models.errors import SourceError

IMAGES, METADATA, MANIFEST = "img_emb", "metadata", "manifest.json"
ADDRESSES = ("image", "image_path", "url")  # the first that is there; `image` can be no attribute of ours
NUMBER = "image_number"  # of the manifest: the column that numbers the images of an item from 0, if it has several
OFF = 2e-3  # what half precision leaves of a length of one
NUMBERED = re.compile(r"_([0-9]+)$")


def is_layout(source: Path | str) -> bool:
    """True if a local folder holds both sub-folders."""
    try:
        both = all((Path(source) / name).is_dir() for name in (IMAGES, METADATA))
    except OSError:
        return False
    return both and is_utf8(str(Path(source).resolve()))  # other paths are refused as every source is


def read(folder: Path, *, dimension: int, space_id: str, note: Callable[[str], None]) -> Embedded:
    """Every row with its vector as it is, at length one; a row whose vector is not finite or zero is skipped.

    An image_path that several files of metadata have, as the keys of a WebDataset may be, gets the number of its file
    in front. `note` gets a sentence for each column with values that were left out.

    No file says which model made the vectors: the caller vouches for their space. Raises SourceError
    for files that do not belong together, of another dimension, or that a manifest of ours says were changed.
    """
    number_column = _check_manifest(folder, space_id)
    rows: list[SourceRow] = []
    numbers: list[int] = []  # of each row's image among those of its item
    blocks: list[Vectors] = []
    skipped: list[SkippedRow] = []
    cells = Cells()
    pairs = _pairs(folder)
    parts = [_rows(metadata, cells, number_column) for _, metadata in pairs]
    repeated = _repeated([part for part, named, _ in parts if named == "image_path"])
    for (embeddings, metadata), (part, named, part_numbers) in zip(pairs, parts, strict=True):
        vectors, usable = _vectors(embeddings, dimension)
        if len(part) != len(vectors):
            raise SourceError(f"{metadata} has {len(part)} rows and {embeddings} {len(vectors)}: write the pair again")
        for number, (row, good) in enumerate(zip(part, usable.tolist(), strict=True)):
            id = row.id
            if named == "image_path" and id in repeated:
                id = f"{_number(metadata)}/{id}"  # in a WebDataset, a key is only unique in its shard
                row = replace(row, id=id, problem=row.problem or _problem(id, number, metadata))
            reason = row.problem or ("" if good else f"its vector in {embeddings.name} is not finite, or zero")
            usable[number] = not reason
            if reason:
                skipped.append(SkippedRow(id, row.image, reason))
            else:
                rows.append(row)
                numbers.append(part_numbers[number])
        blocks.append(vectors[usable])
    for sentence in cells.notes():
        note(sentence)
    vectors = np.concatenate(blocks)
    if any(numbers):
        rows, vectors = _grouped(rows, numbers, vectors)
    ids = Counter(row.id for row in rows)
    if len(ids) < len(rows):
        raise SourceError(f"{folder} has the id {ids.most_common(1)[0][0]!r} twice: give every row an id of its own")
    return Embedded(rows, vectors, skipped, computed=0, new=len(vectors))


def _grouped(rows: Sequence[SourceRow], numbers: Sequence[int], vectors: Vectors) -> tuple[list[SourceRow], Vectors]:
    """The rows of first images with those of further ones, whose vectors follow; those without a first are left out."""
    further: dict[str, list[tuple[int, int]]] = {}  # by id, the numbers with their rows
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        if number:
            further.setdefault(row.id, []).append((number, place))
    firsts = [place for place, number in enumerate(numbers) if not number]
    others = [[place for _, place in sorted(further.get(rows[first].id, ()))] for first in firsts]
    items = [
        replace(rows[first], further=tuple(FurtherImage(rows[place].image) for place in places))
        for first, places in zip(firsts, others, strict=True)
    ]
    return items, vectors[[*firsts, *(place for places in others for place in places)]]


def _check_manifest(folder: Path, space_id: str) -> str:
    """Return the column that numbers the images of an item, "" if there is none.

    Another program's layout has no manifest, and is taken at its owner's word.
    """
    path = folder / MANIFEST
    if not path.exists():
        return ""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        space, digests = facts["space_id"], dict(facts["files"])
        number_column = str(facts.get(NUMBER, ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path} is no manifest of an export ({error!r}): export again, or remove it") from error
    if space != space_id:
        raise SourceError(f"{path} says that another model made these vectors: name its bundle with --bundle")
    for name, digest in digests.items():
        if not (folder / name).is_file() or files.digest(folder / name) != digest:
            raise SourceError(f"{folder / name} is not as {path} says: export or copy it again")
    return number_column


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The files of embeddings and of metadata that bear the same number, by number."""
    sides: list[dict[int, Path]] = []
    for name, suffix in ((IMAGES, ".npy"), (METADATA, ".parquet")):
        side: dict[int, Path] = {}
        for path in sorted((folder / name).glob(f"{name}_*{suffix}")):
            if (match := NUMBERED.search(path.stem)) and (first := side.setdefault(int(match[1]), path)) != path:
                raise SourceError(f"{first} and {path.name} have the same number: give each file its own")
        sides.append(side)
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


def _rows(path: Path, cells: Cells, number_column: str) -> tuple[list[SourceRow], str, list[int]]:
    """The rows of a file of metadata, the name of the column that gives the ids, and the numbers of their images."""
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
        for name in table.column_names
    }
    given = columns.pop(number_column, [0] * table.num_rows)
    numbers = [number if isinstance(number, int) else 0 for number in given]
    rows: list[SourceRow] = []
    for number in range(table.num_rows):
        record = {name: values[number] for name, values in columns.items()}
        key, uri = record.pop(named) if named == "id" else record[named], record.pop(address)
        url = record.get("url")
        if isinstance(url, str) and not (isinstance(uri, str) and ("/" in uri or "." in uri)):
            uri = url  # the bare key of a WebDataset is no address
        id = "" if key is None else str(key)
        problem = _problem(id, number, path)
        if not isinstance(uri, str | None):
            problem = f"row {number + 1} of {path.name}: its image {uri!r} is no text"
        attributes = cells.attributes(record, id)
        rows.append(SourceRow(escape_text(id), escape_text(str(uri or "")), attributes, problem=problem))
    return rows, named, numbers


def _problem(id: str, number: int, path: Path) -> str:
    problem = id_problem(id)
    return f"row {number + 1} of {path.name}: its id is unusable: {problem}" if problem else ""


def _repeated(parts: Sequence[Sequence[SourceRow]]) -> set[str]:
    """The ids that more than one part has."""
    counts = Counter(id for part in parts for id in {row.id for row in part})
    return {id for id, count in counts.items() if count > 1}


def _number(path: Path) -> int:
    match = NUMBERED.search(path.stem)
    assert match is not None
    return int(match[1])
