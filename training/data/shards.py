"""Samples in tar shards or loose files: what shares a name up to its first dot, indexed once and then read by seek."""

import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, parquet
from tqdm import tqdm

from models import files
from models.errors import InputError
from training.data.images import Images
from training.data.processes import in_order
from training.data.rows import Flaw
from training.data.scan import SampleShape, loose, scan
from training.data.texts import Texts

INDEX = ".index"  # folder beside the shards

_VERSION = 1  # raised when an index of the same shard would hold something else
_METADATA = b"likebut"
_FEW = 4  # shards that are not worth starting processes for
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """N samples with everything that their shape asks for, and the others by name."""

    names: Texts  # (N,), "shard/key", or the key alone of loose files
    pictures: tuple[Images, ...]  # one for each picture of the shape, N rows each
    texts: tuple[Texts, ...]  # one for each text of the shape, N rows each
    flaws: tuple[Flaw, ...]


def samples(path: str, shape: SampleShape) -> Samples:
    """All samples at `path`: a tar, a pattern as `{00000..00331}.tar`, a folder of tars, or a folder of loose files.

    Each tar is scanned once, and its index is written to the folder .index beside it, if possible. Raises
    InputError if there is nothing.
    """
    found = shards(path)
    if not found:
        return _table(loose(Path(path), shape), (), shape)
    alike = len({shard.name for shard in found}) < len(found)
    called = {shard: str(shard) if alike else shard.name for shard in found}
    flaws = [Flaw(called[shard], "no shard", str(shard)) for shard in found if not shard.is_file()]
    there = [shard for shard in found if shard.is_file()]
    tables = []
    for shard, (table, damage) in zip(there, _indexed(there, shape), strict=True):
        tables.append(_placed(table, shard, shape, called=called[shard]))
        if damage:
            flaws.append(Flaw(f"{called[shard]}#end", "broken shard", damage))
    if not tables:
        raise InputError(f"none of the {len(found)} shards of {path} is there: check the path")
    return _table(pyarrow.concat_tables(tables), flaws, shape)


def shards(path: str) -> list[Path]:
    """Return the tars of a path, in order; none for a folder of loose files. Raises InputError if there is nothing."""
    if "{" in path:
        return [Path(name) for name in _expanded(path)]
    if Path(path).is_dir():
        return sorted(Path(path).glob("*.tar"))
    if Path(path).is_file():
        return [Path(path)]
    raise InputError(f"there is nothing at {path}: name a folder, a tar, or a pattern as {{00000..00331}}.tar")


def _expanded(pattern: str) -> Iterator[str]:
    """The names of a pattern with braces: `{00..12}` counts with its zeros, `{a,b}` lists."""
    choices = []
    for inside in _BRACES.findall(pattern):
        counted = _RANGE.fullmatch(inside)
        if counted is None:
            choices.append(inside.split(","))
            continue
        first, last = counted.groups()
        choices.append([f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)])
    literals = _BRACES.sub("\0", pattern).split("\0")
    for chosen in itertools.product(*choices):
        yield "".join(itertools.chain.from_iterable(zip(literals, (*chosen, ""), strict=True)))


def _indexed(found: Sequence[Path], shape: SampleShape) -> list[tuple[pyarrow.Table, str]]:
    """Each shard's index and what is wrong with its end, read or made."""
    known = {shard: _read(shard, shape) for shard in found}
    new = [shard for shard, kept in known.items() if kept is None]
    with tqdm(total=len(new), unit="shard", desc="indexing", disable=not new, mininterval=1.0) as bar:
        tasks = (partial(index, shard, shape) for shard in new)
        indexed = in_order(tasks, workers=(os.cpu_count() or 1) if len(new) > _FEW else 0)
        for shard, made in zip(new, indexed, strict=True):
            known[shard] = made
            bar.update()
    return [kept for kept in known.values() if kept is not None]


def index(shard: Path, shape: SampleShape) -> tuple[pyarrow.Table, str]:
    """Scan a shard and write its index beside it, if possible."""
    facts = _facts(shard, shape)
    table, damage = scan(shard, shape)
    table = table.replace_schema_metadata({_METADATA: facts, b"damage": damage.encode()})
    kept = _index_path(shard)
    # on a read-only or full disk it is scanned again next time
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        with files.replacing(kept) as part:
            parquet.write_table(table, part)
    return table, damage


def _read(shard: Path, shape: SampleShape) -> tuple[pyarrow.Table, str] | None:
    """Return the index on disk, or None if there is none for this version of the shard."""
    try:
        metadata = parquet.read_schema(_index_path(shard)).metadata or {}
        if metadata.get(_METADATA) != _facts(shard, shape):
            return None
        return parquet.read_table(_index_path(shard)), metadata[b"damage"].decode()
    except (OSError, pyarrow.ArrowException):  # none, or half of one
        return None


def _index_path(shard: Path) -> Path:
    return shard.parent / INDEX / f"{shard.name}.parquet"


def _facts(shard: Path, shape: SampleShape) -> bytes:
    status = shard.stat()
    return json.dumps([_VERSION, status.st_size, status.st_mtime_ns, asdict(shape)]).encode()


def _placed(table: pyarrow.Table, shard: Path, shape: SampleShape, *, called: str) -> pyarrow.Table:
    """A shard's index with the paths, and with keys that say the shard: keys alone may repeat from shard to shard."""
    keys = [f"{called}/{key}" for key in table.column("key").to_pylist()]
    table = table.replace_schema_metadata(None)
    table = table.set_column(0, "key", pyarrow.array(keys, pyarrow.large_string()))
    for picture in shape.pictures:
        name = f"path:{picture}"
        paths = pyarrow.repeat(pyarrow.scalar(str(shard), pyarrow.large_string()), len(table))
        table = table.set_column(table.column_names.index(name), name, paths)
    return table


def _table(table: pyarrow.Table, flaws: Sequence[Flaw], shape: SampleShape) -> Samples:
    """The rows that are whole as columns, and the others as flaws."""
    kinds = [compute.if_else(compute.equal(table.column("problem"), ""), None, table.column("problem"))]
    for picture in shape.pictures:
        called = "no image" if picture == "" else f"no {picture}"
        kinds.append(compute.if_else(compute.is_null(table.column(f"size:{picture}")), called, None))
    for text in shape.texts:
        column = table.column(f"text:{text}")
        blank = compute.if_else(compute.equal(column, ""), f"blank {text}", None)
        kinds.append(compute.if_else(compute.is_null(column), f"no {text}", blank))
    kind = compute.coalesce(*kinds)
    flawed = table.filter(compute.is_valid(kind)).column("key").to_pylist()
    named = [Flaw(name, what) for name, what in zip(flawed, kind.drop_null().to_pylist(), strict=True)]
    table = table.filter(compute.is_null(kind))
    names = Texts(table.column("key"))
    return Samples(
        names=names,
        pictures=tuple(
            Images.from_paths(
                names,
                table.column(f"path:{picture}"),
                offsets=_numbers(table.column(f"offset:{picture}")),
                sizes=_numbers(table.column(f"size:{picture}")),
            )
            for picture in shape.pictures
        ),
        texts=tuple(Texts(table.column(f"text:{text}")) for text in shape.texts),
        flaws=(*flaws, *named),
    )


def _numbers(column: pyarrow.ChunkedArray) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return numbers
