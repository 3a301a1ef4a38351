"""Rows of a source of files: captioned images or triplets, and every unusable row by name."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.data.images import Images
from training.data.texts import Texts

NAMED = 3  # rows that an error names of each kind


@dataclass(frozen=True, slots=True)
class Downloads:
    """Numbers of images that img2dataset was given and what became of them, over all shards with statistics."""

    asked_for: int
    downloaded: int
    failed_to_download: int
    failed_to_resize: int
    shards_that_do_not_tell: int  # with no statistics beside them, or none that can be read


@dataclass(frozen=True, slots=True)
class Flaw:
    """One row that cannot be used."""

    name: str  # of the row
    kind: str  # of the flaw: one of few
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Captioned:
    """N images and a caption of each; a row has the name of its image."""

    images: Images
    captions: Texts  # (N,)

    @property
    def names(self) -> Texts:
        """The name of the rows in skip files."""
        return self.images.names

    def __len__(self) -> int:
        return len(self.captions)

    def take(self, rows: Sequence[int]) -> "Captioned":
        """The rows alone, in their order."""
        return Captioned(images=self.images.take(rows), captions=self.captions.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Triplets:
    """N triplets over P images; captions of references or targets are "" if the source has none."""

    images: Images  # P
    references: NDArray[np.int64]  # (N,), rows of images
    targets: NDArray[np.int64]  # (N,), rows of images
    texts: Texts  # (N,)
    captions: Texts  # (N,), of the references
    target_captions: Texts  # (N,)
    names: Texts  # (N,), what skip files call the rows

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "Triplets":
        """The rows alone, in their order; the images stay."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Triplets(
            images=self.images,
            references=self.references[chosen],
            targets=self.targets[chosen],
            texts=self.texts.take(rows),
            captions=self.captions.take(rows),
            target_captions=self.target_captions.take(rows),
            names=self.names.take(rows),
        )


Rows = TypeVar("Rows", Captioned, Triplets)


@dataclass(frozen=True, slots=True)
class LoadedRows(Generic[Rows]):
    """All rows of a source: the usable ones, and the others by name."""

    source: str  # what the source is called
    rows: Rows
    flaws: tuple[Flaw, ...]
    downloads: Downloads | None = None  # None if img2dataset wrote no statistics

    def without(self, skip: Path) -> "LoadedRows[Rows]":
        """Return the rows without those that a skip file names; raises InputError for an unknown name."""
        names = skipped(skip)
        keep = [row for row, name in enumerate(self.rows.names) if name not in names]
        flaws = tuple(flaw for flaw in self.flaws if flaw.name not in names)
        unknown = names.difference(self.rows.names, (flaw.name for flaw in self.flaws))
        if unknown:
            raise InputError(
                f"{skip} names {_rows(len(unknown))} that {self.source} does not have ({_some(sorted(unknown))}):"
                " write it again with `likebut data check … --skip-file`"
            )
        print(f"{self.source}: {_rows(len(names))} left out as {skip} says", file=sys.stderr)
        rows = self.rows if len(keep) == len(self.rows) else self.rows.take(keep)
        return replace(self, rows=rows, flaws=flaws)

    def whole(self, *, skip: Path | None) -> Rows:
        """Return the rows without those of a skip file; raises InputError if one of the others cannot be used."""
        found = self if skip is None else self.without(skip)
        if found.flaws:
            raise InputError(
                f"{self.source}: {_rows(len(found.flaws))} of {len(found.rows) + len(found.flaws)} cannot be used,"
                f" {_kinds(found.flaws)}: list them with `likebut data check … --skip-file FILE`, then mend them or"
                ' leave them out with skip = "FILE"'
            )
        if len(found.rows) == 0:
            raise InputError(f"{self.source} has no rows: check the path")
        return found.rows


def skipped(file: Path) -> frozenset[str]:
    """The row names of a skip file: one a line, up to the first tab; raises InputError if it cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as a skip file ({error}): name one row a line in UTF-8") from error
    return frozenset(line.split("\t")[0] for line in lines if line.strip())


def write_skipped(file: Path, flaws: Iterable[Flaw]) -> None:
    """Writes a skip file: each row's name once, and after a tab what is wrong with it."""
    reasons: dict[str, str] = {}
    for flaw in flaws:
        reasons.setdefault(flaw.name, f"{flaw.kind} {' '.join(flaw.detail.split())}".strip())
    file.write_text("".join(f"{name}\t{reason}\n" for name, reason in reasons.items()), encoding="utf-8")


def _kinds(flaws: Sequence[Flaw]) -> str:
    by_kind: dict[str, list[str]] = {}
    for flaw in flaws:
        by_kind.setdefault(flaw.kind, []).append(flaw.name)
    return "; ".join(f"{kind}: {_some(names)}" for kind, names in by_kind.items())


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:NAMED])) + (", …" if len(names) > NAMED else "")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
