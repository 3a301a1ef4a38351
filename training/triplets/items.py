"""The pictures that triplets are made of: a folder of them, or a table with what a shop knows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from models import files
from models.errors import InputError
from training.data.formats import captioned_table
from training.data.images import SUFFIXES, located
from training.triplets.config import FolderImages, TableImages

_NAMED = 3  # rows that an error names


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One picture."""

    name: str  # its path in the folder of pictures, as triplets call it
    path: Path
    meta_class: str
    digest: str  # SHA-256 of the file
    facts: Mapping[str, str] = field(default_factory=dict)  # a shop's columns


@dataclass(frozen=True, slots=True)
class SourceImages:
    """The pictures that can be used, no two the same."""

    folder: Path  # what the names are relative to
    items: tuple[SourceImage, ...]
    same_pictures: int  # rows left out because an earlier picture is the same file
    without_class: int  # rows left out because their class is blank


def read(images: FolderImages | TableImages) -> SourceImages:
    """The pictures in the order of the table, or of their sorted paths; raises InputError where one is missing."""
    if isinstance(images, FolderImages):
        folder, rows = Path(images.folder), list(_folder(Path(images.folder)))
    else:
        folder, rows = Path(images.table).parent, list(_table(images))
    if not rows:
        raise InputError(f"{folder} has no pictures: name a folder or a table with at least two")
    classed = isinstance(images, TableImages) and bool(images.meta_class)
    seen: set[str] = set()
    found: list[SourceImage] = []
    same = without = 0
    for name, path, meta_class, facts in tqdm(rows, desc="reading", unit="picture", mininterval=1.0):
        if classed and not meta_class:
            without += 1
            continue
        digest = files.digest(path)
        if digest in seen:
            same += 1
            continue
        seen.add(digest)
        found.append(SourceImage(name=name, path=path, meta_class=meta_class, digest=digest, facts=facts))
    return SourceImages(folder=folder, items=tuple(found), same_pictures=same, without_class=without)


_Row = tuple[str, Path, str, Mapping[str, str]]  # name, file, class, facts


def _folder(folder: Path) -> Iterator[_Row]:
    """The first sub-folder is the class; hidden files are passed over."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in name.parts) and path.is_file():
            yield name.as_posix(), path, name.parts[0] if len(name.parts) > 1 else "", {}


def _table(images: TableImages) -> Iterator[_Row]:
    path = Path(images.table)
    columns = (images.id, images.image, *([images.meta_class] if images.meta_class else []), *images.products)
    ids: set[str] = set()
    missing: list[str] = []
    for number, cells in enumerate(captioned_table.cells(path, *columns), start=1):
        row = dict(zip(columns, cells, strict=True))
        name = row[images.id]
        if not name or name in ids:
            raise InputError(f"{path}, row {number}: the id {name!r} is blank or there twice: give each row its own")
        ids.add(name)
        picture = row[images.image]
        file = located([path.parent], picture) if picture else None
        if file is None:
            missing.append(name)
            continue
        facts = {column: row[column] for column in images.products}
        yield _relative(file, path.parent), file, row.get(images.meta_class, ""), facts
    if missing:
        some = ", ".join(map(repr, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
        raise InputError(f"{path}: no picture is there for {len(missing)} rows ({some}): mend the column or the files")


def _relative(file: Path, folder: Path) -> str:
    return (file.relative_to(folder) if file.is_relative_to(folder) else file.resolve()).as_posix()
