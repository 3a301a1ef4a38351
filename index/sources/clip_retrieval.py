"""Reads embeddings in clip-retrieval's layout: img_emb/img_emb_<n>.npy beside metadata/metadata_<n>.parquet."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from index.sources.cells import Cells, escape_text, is_utf8
from index.sources.embedded import Embedded, SkippedRow
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow, id_problem
from index.sources.vector_file import VectorFile
from models import files, tables
from models.arrays import Flags, Rows
from models.errors import SourceError

IMAGES, METADATA, MANIFEST = "img_emb", "metadata", "manifest.json"
ADDRESSES = ("image", "image_path", "url")  # the first that is there; `image` can be no attribute of ours
NUMBER = "image_number"  # of the manifest: the column that numbers the images of an item from 0, if it has several
BLOCK = 16_384  # vectors that are in single precision at a time
OFF = 2e-3  # what half precision leaves of a length of one
NUMBERED = re.compile(r"_([0-9]+)$")


def is_layout(source: Path | str) -> bool:
    """True if a local folder holds both sub-folders."""
    try:
        both = all((Path(source) / name).is_dir() for name in (IMAGES, METADATA))
    except OSError:
        return False
    return both and is_utf8(str(Path(source).resolve()))  # other paths are refused as every source is


def read(folder: Path, *, dimension: int, space_id: str, note: Callable[[str], None], scratch: Path) -> Embedded:
    """Every row with its vector as it is, at length one; a row whose vector is not finite or zero is skipped.

    An image_path that several files of metadata have, as the keys of a WebDataset may be, gets the number of its file
    in front. `note` gets a sentence for each column with values that were left out.

    The vectors are mapped from a file without a name on the disk of the folder `scratch`, so that memory does not
    limit their number.

    No file says which model made the vectors: the caller vouches for their space. Raises OSError if that disk is full,
    and SourceError for files that do not belong together, of another dimension, or that a manifest of ours says were
    changed.
    """
    number_column = _check_manifest(folder, space_id)
    rows: list[SourceRow] = []
    numbers: list[int] = []  # of each row's image among those of its item
    chosen: list[tuple[Path, Flags]] = []  # of each file of vectors, which of them are used
    skipped: list[SkippedRow] = []
    cells = Cells()
    pairs = _pairs(folder)
    parts = [_rows(metadata, cells, number_column) for _, metadata in pairs]
    repeated = _repeated([part for part, named, _ in parts if named == "image_path"])
    for (embeddings, metadata), (part, named, part_numbers) in zip(pairs, parts, strict=True):
        raw = _raw(embeddings, dimension)
        if len(part) != len(raw):
            raise SourceError(f"{metadata} has {len(part)} rows and {embeddings} {len(raw)}: write the pair again")
        usable = _usable(raw)
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
        chosen.append((embeddings, usable))
    for sentence in cells.notes():
        note(sentence)
    with VectorFile(scratch, dimension) as stored:
        for embeddings, usable in chosen:
            _store(_raw(embeddings, dimension), usable, stored)
        vectors = stored.mapped()
    if any(numbers):
        rows, order = _grouped(rows, numbers)
        with VectorFile(scratch, dimension) as stored:
            stored.take(vectors, order)
            vectors = stored.mapped()
    if len({row.id for row in rows}) < len(rows):
        ids = Counter(row.id for row in rows)
        raise SourceError(f"{folder} has the id {ids.most_common(1)[0][0]!r} twice: give every row an id of its own")
    return Embedded(rows, vectors, skipped, computed=0, new=len(vectors))


def _grouped(rows: Sequence[SourceRow], numbers: Sequence[int]) -> tuple[list[SourceRow], Rows]:
    """The rows of first images with those of further ones, and the places (m,) of all images in their new order.

    The further images follow the first ones; those without a first are left out.
    """
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
    return items, np.array([*firsts, *(place for places in others for place in places)], np.int64)


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


def _raw(path: Path, dimension: int) -> NDArray[np.floating]:
    """The vectors (n, d) of a file, mapped."""
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
    found: NDArray[np.floating] = raw
    return found


def _usable(raw: NDArray[np.floating]) -> Flags:
    """Mask (n,) of the vectors (n, d) that can be used."""
    usable = np.empty(len(raw), np.bool_)
    for start in range(0, len(raw), BLOCK):
        lengths = _lengths(raw[start : start + BLOCK].astype(np.float32))
        usable[start : start + BLOCK] = np.isfinite(lengths) & (lengths > 0)
    return usable


def _store(raw: NDArray[np.floating], chosen: Flags, stored: VectorFile) -> None:
    """Appends the chosen ones (n,) of vectors (n, d) at length one."""
    for start in range(0, len(raw), BLOCK):
        wide = raw[start : start + BLOCK].astype(np.float32)[chosen[start : start + BLOCK]]
        lengths = _lengths(wide)
        scaled = np.abs(lengths - 1) > OFF  # the others as they are: to round twice would change them
        wide[scaled] = wide[scaled] / lengths[scaled, np.newaxis]
        stored.append(wide)


def _lengths(wide: NDArray[np.float32]) -> NDArray[np.float64]:
    """The lengths (n,) of vectors (n, d)."""
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", wide, wide, dtype=np.float64))
    return lengths


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
