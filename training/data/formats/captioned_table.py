"""Captioned images in a CSV, JSONL or Parquet table: a column of paths relative to the table, and one of captions."""

from collections.abc import Iterator
from pathlib import Path

from models import tables
from models.errors import InputError
from training.data.images import Images, located
from training.data.rows import Captioned, Flaw, LoadedRows
from training.data.texts import Texts


def find(path: Path, *, image: str = "image", caption: str = "caption") -> LoadedRows[Captioned]:
    """Return the captioned images of a table; a row is called by its number and its image.

    Raises InputError for a table that cannot be read as one.
    """
    names: list[str] = []
    paths: list[str] = []
    captions: list[str] = []
    flaws: list[Flaw] = []
    for number, (image_path, text) in enumerate(cells(path, image, caption), start=1):
        name = f"{number}:{image_path}"
        file = located([path.parent], image_path) if image_path else None
        if file is None:
            flaws.append(Flaw(name, "no image", image_path))
        elif not text:
            flaws.append(Flaw(name, "blank caption"))
        else:
            names.append(name)
            paths.append(str(file))
            captions.append(text)
    rows = Captioned(Images.of_files(names, paths), Texts.from_strings(captions))
    return LoadedRows(source=str(path), rows=rows, flaws=tuple(flaws))


def cells(path: Path, *columns: str) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the columns, row by row, as stripped text; "" if a cell is empty. Raises InputError."""
    try:
        with path.open("rb") as file:
            yield from tables.text_cells(str(path), file, columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): check the path and its permissions") from error
