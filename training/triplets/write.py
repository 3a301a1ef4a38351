"""Files of a run, each written as a whole: JSON lines for training, the rejected texts, and the report."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow
from pyarrow import parquet

from models import files
from models.errors import InputError

TRIPLETS, PARQUET, REJECTED, REPORT = "triplets.jsonl", "triplets.parquet", "rejected.jsonl", "report.json"


@dataclass(frozen=True, slots=True)
class WrittenTriplet:
    """The keys that training/data/formats/jsonl.py reads."""

    reference: str  # path of the image in the folder of images
    text: str
    target: str
    caption: str  # of the reference
    target_caption: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An answer that the filter rejected, or a pair without one."""

    reference: str
    target: str
    attempt: int  # from 0
    text: str
    reason: str
    caption: str
    target_caption: str


def write(
    out: Path,
    triplets: Sequence[WrittenTriplet],
    rejected: Sequence[Rejected],
    about: Mapping[str, object],
    *,
    with_parquet: bool,
) -> None:
    """Write the files, each to a temporary name first, the report last: if it exists, all belong together."""
    (out / REPORT).unlink(missing_ok=True)  # of an earlier run, or it would vouch for this one's files
    files.write(out / TRIPLETS, _lines(triplets))
    files.write(out / REJECTED, _lines(rejected))
    if with_parquet:
        columns = {name: [getattr(triplet, name) for triplet in triplets] for name in WrittenTriplet.__slots__}
        with files.replacing(out / PARQUET) as part:
            parquet.write_table(pyarrow.table(columns), part)
    else:
        (out / PARQUET).unlink(missing_ok=True)  # of an earlier run with other triplets
    files.write(out / REPORT, json.dumps(about, ensure_ascii=False, indent=2) + "\n")


def report(out: Path) -> Mapping[str, object]:
    """Read the report; raises InputError if the folder holds no finished run."""
    try:
        found = json.loads((out / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{out} holds no finished run ({error}): make it with `likebut triplets make`") from error
    if not isinstance(found, dict):
        raise InputError(f"{out / REPORT} is no report: make the triplets again with `likebut triplets make`")
    return found


def fact(about: Mapping[str, object], *keys: str) -> object:
    """Return the value below these keys of a report; raises InputError if there is none."""
    value: object = about
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise InputError(f"{REPORT} has no {'.'.join(keys)}: make the triplets again with `likebut triplets make`")
        value = value[key]
    return value


def _lines(rows: Iterable[WrittenTriplet | Rejected]) -> str:
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
