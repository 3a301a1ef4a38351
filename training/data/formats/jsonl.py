"""Triplets in JSON lines: {"reference", "text", "target", "caption"?, "target_caption"?}.

`likebut catalogue` and `likebut triplets` write them so.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models import tables
from models.errors import InputError
from training.data import triplets
from training.data.rows import LoadedRows, Triplets
from training.data.triplets import TripletRow

IMAGES = "images"


def find(path: Path, *, images: Path | None = None) -> LoadedRows[Triplets]:
    """The triplets of a file; images are named by their path in `images`, with or without suffix.

    `images` is by default the folder images beside the file. Other keys are ignored.
    """
    folder = path.parent / IMAGES if images is None else images
    rows = (
        TripletRow(*(_text(row, key) for key in ("reference", "text", "target", "caption", "target_caption")))
        for row in records(path)
    )
    return triplets.from_rows(str(path), rows, folders=[folder])


def records(path: Path) -> Iterator[Mapping[str, object]]:
    """Yield the objects of a file of JSON lines; raises InputError with the line for one that is not an object."""
    try:
        with path.open("rb") as file:
            yield from tables.json_lines(str(path), file)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): name a file of JSON lines in UTF-8") from error


def _text(row: Mapping[str, object], key: str) -> str | None:
    """The value as text: names may be numbers; None if there is none."""
    value = row.get(key)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
