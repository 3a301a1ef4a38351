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
    """Result of a dry run: rows that would become items, counts of the others by reason, and types of attributes."""

    items: int
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
    sample: list[SourceRow] = []
    count = 0

    def usable() -> Iterator[SourceRow]:
        nonlocal count
        for row in rows.rows(source, columns=columns, note=notes.append):
            if problem := _problem(row):
                refused[problem] += 1
                continue
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
    return Preview(count, dict(refused.most_common()), attributes, sample, [*notes, *on_types])


def show(source: str, *, columns: Mapping[str, str], as_json: bool) -> None:
    """Prints the result of a dry run on stdout: a report, or one JSON object."""
    result = preview(source, columns=columns)
    sample = [{"id": row.id, "image": row.image, "attributes": dict(row.attributes)} for row in result.sample]
    if as_json:
        facts = {"items": result.items, "refused": result.refused, "attributes": result.attributes}
        cli.print_json({**facts, "sample": sample, "notes": list(result.notes)})
        return
    print(f"{result.items} items would be built from {source}; {sum(result.refused.values())} rows would be skipped")
    for reason, number in result.refused.items():
        print(f"  {number}: {reason}")
    print("attributes:" if result.attributes else "no attributes")
    for name, kinds in result.attributes.items():
        print(f"  {name} ({'/'.join(kinds)})")
    for row in result.sample:
        print(f"item {row.id}: {row.image}")
        for name, value in row.attributes.items():
            if value is not None:
                print(f"  {name}: {repr(value)[:SHOWN_CHARACTERS]}")
    for note in result.notes:
        print(f"note: {note}")


def _problem(row: SourceRow) -> str:
    """Return why a row would be skipped, as far as that is known before its image is read."""
    if row.problem:
        return row.problem
    if not row.image:
        return "the row names no image"
    if "://" in row.image:
        return ""
    try:
        return "" if Path(row.image).is_file() else "no file is at the path of the image"
    except ValueError:
        return "the path of the image is none"
