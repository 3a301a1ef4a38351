"""Changes of a gallery's items, and their rows in the journal, each with a checksum."""

import json
import zlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.items.items import GalleryItem
from models.errors import InputError

Vector: TypeAlias = NDArray[np.float16]  # (d,)
# seq, id, uri, content, attributes, space_id, vector; a delete has an id only. Of an item with several images, the
# attributes are in an array, with the uri and content of each further one, whose vectors follow that of the first.
Fields: TypeAlias = tuple[int, str, str | None, str | None, str | None, str | None, bytes | None]
Row: TypeAlias = tuple[int, str, str | None, str | None, str | None, str | None, bytes | None, int]  # and the checksum

LITTLE = np.dtype("<f2")  # float16 with its low byte first on every machine


@dataclass(frozen=True, slots=True, eq=False)
class ImageState:
    """The SHA-256 of an image in hex, and its embedding (d,)."""

    content: str
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Upsert:
    """Adds an item, or replaces the item of its id.

    `content` is the SHA-256 of its first image in hex, `vector` (d,) its embedding by the model of `space_id`;
    `further` has those of each of the item's further images.
    """

    item: GalleryItem
    content: str
    space_id: str
    vector: Vector
    further: tuple[ImageState, ...] = ()

    def __post_init__(self) -> None:
        assert len(self.further) == len(self.item.further)

    @property
    def images(self) -> tuple[ImageState, ...]:
        """The state of each image, the first one first."""
        return (ImageState(self.content, self.vector), *self.further)

    @property
    def id(self) -> str:
        """The item's id."""
        return self.item.id


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the item of that id, if it exists."""

    id: str


Change: TypeAlias = Upsert | Delete


@dataclass(frozen=True, slots=True)
class Entry:
    """A change with its number; numbers grow by one from change to change and are unique."""

    seq: int
    change: Change


def packed(entry: Entry) -> Row:
    """The row of the entry; raises InputError for a change that could not be read back."""
    change = entry.change
    if isinstance(change, Delete):
        return _sealed((entry.seq, change.id, None, None, None, None, None))
    vectors = [image.vector for image in change.images]
    if not all(vector.ndim == 1 and np.isfinite(vector).all() for vector in vectors):
        raise InputError(f"the vector of the item {change.id!r} is not a row of finite numbers: embed it again")
    members: object = dict(change.item.attributes)
    if change.further:
        states = zip(change.item.further, change.further, strict=True)
        members = [members, [[uri, image.content] for uri, image in states]]
    try:
        attributes = json.dumps(members, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the attributes of the item {change.id!r} are no JSON ({error}): correct them") from error
    blob = b"".join(vector.astype(LITTLE).tobytes() for vector in vectors)
    return _sealed((entry.seq, change.id, change.item.uri, change.content, attributes, change.space_id, blob))


def unpacked(row: Row) -> Entry:
    """The entry of the row; raises ValueError if the row is not as it was written."""
    seq, id, uri, content, attributes, space_id, vector, checksum = row
    if checksum != _checksum((seq, id, uri, content, attributes, space_id, vector)):
        raise ValueError("its checksum does not match")
    if uri is None or content is None or attributes is None or space_id is None or vector is None:
        return Entry(seq, Delete(id))
    members = json.loads(attributes)
    if isinstance(members, dict):
        return Entry(seq, Upsert(GalleryItem(id, uri, members), content, space_id, np.frombuffer(vector, LITTLE)))
    members, states = members
    first, *others = np.frombuffer(vector, LITTLE).reshape(1 + len(states), -1)
    further = tuple(ImageState(digest, other) for (_, digest), other in zip(states, others, strict=True))
    item = GalleryItem(id, uri, members, tuple(address for address, _ in states))
    return Entry(seq, Upsert(item, content, space_id, first, further))


def _sealed(fields: Fields) -> Row:
    """The row with its checksum; raises InputError for text that UTF-8 cannot hold, which SQLite would refuse."""
    try:
        "".join(text for text in fields if isinstance(text, str)).encode()
    except UnicodeEncodeError as error:
        problem = f"the item {fields[1]!r} has text that UTF-8 cannot hold: write it again as whole text"
        raise InputError(problem) from error
    return *fields, _checksum(fields)


def _checksum(fields: Fields) -> int:
    """CRC-32 of the row; raises ValueError for a column of another type, which only damage makes."""
    *columns, vector = fields
    try:
        return zlib.crc32(vector or b"", zlib.crc32(json.dumps(columns).encode()))
    except TypeError as error:
        raise ValueError("a column is of another type") from error
