"""The images that triplets are made of: a folder, or a table with product data."""

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
    """One image."""

    name: str  # its path in the folder of images, as in the triplets
    path: Path
    meta_class: str
    digest: str  # SHA-256 of the file
    facts: Mapping[str, str] = field(default_factory=dict)  # the columns with product data


@dataclass(frozen=True, slots=True)
class SourceImages:
    """The usable images, without duplicates."""

    folder: Path  # the names are relative to it
    items: tuple[SourceImage, ...]
    same_images: int  # rows left out because an earlier image is the same file
    without_class: int  # rows left out because their class is blank


def read(images: FolderImages | TableImages) -> SourceImages:
    """Read the images in the order of the table, or of their sorted paths; raises InputError if one is missing."""
    folder = Path(images.folder) if isinstance(images, FolderImages) else Path(images.table).parent
    classed = isinstance(images, TableImages) and bool(images.meta_class)
    seen: set[str] = set()
    found: list[SourceImage] = []
    same = without = 0
    for item in every(images):
        if classed and not item.meta_class:
            without += 1
        elif item.digest in seen:
            same += 1
        else:
            seen.add(item.digest)
            found.append(item)
    return SourceImages(folder=folder, items=tuple(found), same_images=same, without_class=without)


def every(images: FolderImages | TableImages) -> Iterator[SourceImage]:
    """Yield all images in that order, those that are the same file too; raises InputError if one is missing."""
    if isinstance(images, FolderImages):
        folder, rows = Path(images.folder), list(_folder(Path(images.folder)))
    else:
        folder, rows = Path(images.table).parent, list(_table(images))
    if not rows:
        raise InputError(f"{folder} has no images: name a folder or a table with at least two")
    for name, path, meta_class, facts in tqdm(rows, desc="reading", unit="image", mininterval=1.0):
        yield SourceImage(name=name, path=path, meta_class=meta_class, digest=files.digest(path), facts=facts)


_Row = tuple[str, Path, str, Mapping[str, str]]  # name, file, class, facts


def _folder(folder: Path) -> Iterator[_Row]:
    """Yield the images of the folder; the first sub-folder is the class, and hidden files are skipped."""
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
            raise InputError(f"{path}, row {number}: the id {name!r} is blank or occurs twice: give each row its own")
        ids.add(name)
        image_path = row[images.image]
        file = located([path.parent], image_path) if image_path else None
        if file is None:
            missing.append(name)
            continue
        facts = {column: row[column] for column in images.products}
        yield _relative(file, path.parent), file, row.get(images.meta_class, ""), facts
    if missing:
        some = ", ".join(map(repr, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
        raise InputError(f"{path}: {len(missing)} rows have no image file ({some}): correct the column or add files")


def _relative(file: Path, folder: Path) -> str:
    return (file.relative_to(folder) if file.is_relative_to(folder) else file.resolve()).as_posix()
