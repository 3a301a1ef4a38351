"""Triplets that name their images: the images are located in folders, and unusable rows are listed by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.images import Images, located
from training.data.rows import Flaw, LoadedRows, Triplets
from training.data.texts import Texts

_MISSING = -1  # as an image's number


@dataclass(frozen=True, slots=True)
class TripletRow:
    """One triplet of a file; a missing field is None."""

    reference: str | None
    text: str | None
    target: str | None
    caption: str | None  # of the reference
    target_caption: str | None = None


def from_rows(source: str, rows: Iterable[TripletRow], *, folders: Sequence[Path]) -> LoadedRows[Triplets]:
    """Return the triplets with their images; a row is called by its number and its images, as "17:reference>target".

    If any row has a caption, a row without one is flawed; if none has, all captions are "". Takes about 1.1 kB of
    memory a row while it looks, most of it the rows as Python's strings, and half of that afterwards.
    """
    every = list(rows)
    captioned = any(row.caption is not None for row in every)
    numbers, paths = _places(every, folders)
    good: list[TripletRow] = []
    names: list[str] = []
    flaws: list[Flaw] = []
    for number, row in enumerate(every, start=1):
        name = f"{number}:{row.reference or ''}>{row.target or ''}"
        flaw = _flaw(row, name, numbers, captioned=captioned)
        if flaw is not None:
            flaws.append(flaw)
            continue
        good.append(row)
        names.append(name)
    triplets = Triplets(
        images=Images.of_files([name for name, number in numbers.items() if number != _MISSING], paths),
        references=np.array([numbers[row.reference or ""] for row in good], dtype=np.int64),
        targets=np.array([numbers[row.target or ""] for row in good], dtype=np.int64),
        texts=Texts.from_strings((row.text or "").strip() for row in good),
        captions=Texts.from_strings((row.caption or "").strip() for row in good),
        target_captions=Texts.from_strings((row.target_caption or "").strip() for row in good),
        names=Texts.from_strings(names),
    )
    return LoadedRows(source=source, rows=triplets, flaws=tuple(flaws))


def _places(rows: Sequence[TripletRow], folders: Sequence[Path]) -> tuple[dict[str, int], list[str]]:
    """Return the number of each image that is named, or _MISSING, and the path of each number."""
    numbers: dict[str, int] = {}
    paths: list[str] = []  # text, since millions of Path would take several times its memory
    for row in rows:
        for name in (row.reference, row.target):
            if not name or name in numbers:
                continue
            path = located(folders, name)
            numbers[name] = _MISSING if path is None else len(paths)
            if path is not None:
                paths.append(str(path))
    return numbers, paths


def _flaw(row: TripletRow, name: str, numbers: dict[str, int], *, captioned: bool) -> Flaw | None:
    for role, picture in (("reference", row.reference), ("target", row.target)):
        if not picture:
            return Flaw(name, f"no {role} named")
        if numbers[picture] == _MISSING:
            return Flaw(name, f"no {role} image", picture)
    if row.text is None or not row.text.strip():
        return Flaw(name, "no text" if row.text is None else "blank text")
    if captioned and not (row.caption or "").strip():
        return Flaw(name, "no caption" if row.caption is None else "blank caption")
    return None
