"""Annotation files: one JSON document whose rows are objects, with errors that name the file and the row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from models.errors import InputError


def document(path: Path, *, of: str) -> object:
    """Return the whole file; raises InputError if it is missing or not JSON. Errors name `of`, the data set."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): name one of {of}'s files, or the folder in which they lie"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): name one of {of}'s files") from error
    return content


def mapping(value: object, where: str, *, of: str) -> Mapping[str, object]:
    """Return the value as a JSON object; raises InputError with its place if it is none."""
    if not isinstance(value, dict):
        raise InputError(f"{where} is not a JSON object: is it one of {of}'s files?")
    return value


def rows(path: Path, *, keys: Sequence[str], of: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the place of each row of a list, for errors, and the row; raises InputError if it lacks any of the keys."""
    content = document(path, of=of)
    if not isinstance(content, list):
        raise InputError(f"{path} is not a list of triplets: name one of {of}'s caption files")
    for number, record in enumerate(content, start=1):
        where = f"{path}, row {number}"
        row = mapping(record, where, of=of)
        missing = [key for key in keys if key not in row]
        if missing:
            raise InputError(f"{where} has no {', '.join(missing)}: name a file of {of} whose targets are public")
        yield where, row


def text(value: object) -> str | None:
    """Return the value if it is a text, else None."""
    return value if isinstance(value, str) else None
