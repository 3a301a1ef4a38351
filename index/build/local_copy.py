"""Copy of a source for programs that learn from it: its items as JSON lines, each with an image on this disk."""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.build.read_ahead import Task, read_ahead
from index.sources import clip_retrieval, image_bytes, rows
from index.sources.download import FetchedImage
from index.sources.retries import HostRetries
from index.sources.rows import SourceRow
from models import files
from models.errors import ImageTooLarge, SourceError, UnreadableImage

ITEMS = "items.jsonl"
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class CopiedSource:
    """Result of a copy: the items in the file, those left out by their reason, and notes on the source."""

    items: int
    skipped: Mapping[str, int]
    notes: Sequence[str]


def copy(source: str, out: Path, *, columns: Mapping[str, str]) -> CopiedSource:
    """Write the source's items to `out`: {"id", "image", "attributes"} a line, in the source's order.

    An image on disk stays there and is named by its path; one at a URL or in a store is fetched to a file of `out`,
    unless an earlier copy did. Further images of an item are left out. Raises SourceError as a build does.
    """
    if clip_retrieval.is_layout(source):
        raise SourceError(f"{source} holds embeddings and no images: name a folder of images, a table or a feed")
    notes: list[str] = []
    every = list(rows.rows(source, columns=columns, note=notes.append))
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    images: list[str] = [""] * len(every)
    skipped: Counter[str] = Counter()
    retries = HostRetries()
    with closing(read_ahead(_tasks(every, out / IMAGES, retries))) as answers, retries:
        for number, (image, problem) in answers:
            images[number] = image
            skipped.update([problem] if problem else [])
    with files.replacing(out / ITEMS) as part, part.open("w", encoding="utf-8") as lines:
        for row, image in zip(every, images, strict=True):
            if image:
                item = {"id": row.id, "image": image, "attributes": dict(row.attributes)}
                lines.write(json.dumps(item, ensure_ascii=False) + "\n")
    return CopiedSource(sum(map(bool, images)), dict(skipped.most_common()), notes)


_Answer = tuple[str, str]  # the path of an image, or "" and the problem


def _tasks(every: Sequence[SourceRow], folder: Path, retries: HostRetries) -> Iterator[Task[_Answer]]:
    for row in every:
        if row.problem or "://" not in row.image:
            yield None, functools.partial(_local, row)
        else:
            read = functools.partial(image_bytes.read_if_changed, row, unless="", retry=retries.run)
            name = hashlib.sha256(row.image.encode()).hexdigest()[:32]
            yield image_bytes.host(row.image), functools.partial(_fetched, folder / name, read)


def _local(row: SourceRow) -> _Answer:
    if row.problem:
        return "", row.problem
    if not row.image:
        return "", "the row names no image"
    try:
        return (row.image, "") if Path(row.image).is_file() else ("", "no file is at the path of the image")
    except ValueError:
        return "", "the path of the image is none"


def _fetched(path: Path, read: Callable[[], FetchedImage | None]) -> _Answer:
    if path.exists():
        return str(path.resolve()), ""
    try:
        image = read()
    except (UnreadableImage, ImageTooLarge):
        return "", "the image cannot be fetched"
    assert image is not None  # no image has the fingerprint ""
    with files.replacing_unsynced(path) as part:
        part.write_bytes(image.data)
    return str(path.resolve()), ""
