"""Shows what a build would make of a source, without embedding anything."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from index.items import attribute_file
from index.items.attribute_file import SourceFacts
from index.sources import clip_retrieval, rows
from index.sources.rows import SourceRow
from models import cli
from models.errors import SourceError

SAMPLE = 3
SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Preview:
    """Result of a dry run: rows that would become items, counts of the others by reason, and types of attributes.

    `images` counts those of the items, as far as they are known to be usable.
    """

    items: int
    images: int
    refused: Mapping[str, int]
    attributes: Mapping[str, Sequence[str]]  # the types of each, and "missing" if an item has none
    sample: Sequence[SourceRow]
    notes: Sequence[str]


def preview(source: str, *, columns: Mapping[str, str]) -> Preview:
    """Return what a build would make of the source, read as a build reads it; images at URLs are not fetched.

    Raises SourceError for a source that a build would refuse.
    """
    if clip_retrieval.is_layout(source):
        raise SourceError(f"{source} holds embeddings: a dry run reads folders of images, tables and feeds")
    notes: list[str] = []
    refused: Counter[str] = Counter()
    unusable: Counter[str] = Counter()  # images of items with others
    sample: list[SourceRow] = []
    count = images = 0

    def usable() -> Iterator[SourceRow]:
        nonlocal count, images
        for row in rows.rows(source, columns=columns, note=notes.append):
            problems = [_problem(row.image, row.problem), *(_problem(each.uri, each.problem) for each in row.further)]
            good = problems.count("")
            if not good:
                refused[problems[0]] += 1
                continue
            unusable.update(problem for problem in problems if problem)
            images += good
            count += 1
            if count <= SAMPLE:
                sample.append(row)
            yield row

    items = ((row.id, row.attributes) for row in usable())
    first = next(items, None)  # before the folder, so that an error of the source leaves nothing behind
    with TemporaryDirectory() as folder:
        path = Path(folder) / "attributes.arrow"
        facts = SourceFacts(columns, notes)
        on_types = attribute_file.write(path, chain([] if first is None else [first], items), source=facts)
        attributes = attribute_file.kinds(attribute_file.read(path))
    notes += [f"{number} images of items with other ones would be left out: {why}" for why, number in unusable.items()]
    return Preview(count, images, dict(refused.most_common()), attributes, sample, [*notes, *on_types])


def show(source: str, *, columns: Mapping[str, str], as_json: bool) -> None:
    """Prints the result of a dry run on stdout: a report, or one JSON object."""
    result = preview(source, columns=columns)
    sample = [
        {
            "id": row.id,
            "image": row.image,
            "images": [row.image, *(image.uri for image in row.further)],
            "attributes": dict(row.attributes),
        }
        for row in result.sample
    ]
    if as_json:
        facts = {
            "items": result.items,
            "images": result.images,
            "refused": result.refused,
            "attributes": result.attributes,
        }
        cli.print_json({**facts, "sample": sample, "notes": list(result.notes)})
        return
    images = f" with {result.images} images" if result.images > result.items else ""
    skipped = sum(result.refused.values())
    print(f"{result.items} items{images} would be built from {source}; {skipped} rows would be skipped")
    for reason, number in result.refused.items():
        print(f"  {number}: {reason}")
    print("attributes:" if result.attributes else "no attributes")
    for name, kinds in result.attributes.items():
        print(f"  {name} ({'/'.join(kinds)})")
    for row in result.sample:
        print(f"item {row.id}: {', '.join([row.image, *(image.uri for image in row.further)])}")
        for name, value in row.attributes.items():
            if value is not None:
                print(f"  {name}: {repr(value)[:SHOWN_CHARACTERS]}")
    for note in result.notes:
        print(f"note: {note}")


def _problem(image: str, problem: str) -> str:
    """Return why an image would be left out, as far as that is known before it is read."""
    if problem:
        return problem
    if not image:
        return "the row names no image"
    if "://" in image:
        return ""
    try:
        return "" if Path(image).is_file() else "no file is at the path of the image"
    except ValueError:
        return "the path of the image is none"
