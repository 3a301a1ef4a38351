"""Fields of a published benchmark's rows, with errors that name the file and the row."""

from collections.abc import Mapping
from pathlib import Path

from models.errors import InputError
from training.data import annotations


def text(row: Mapping[str, object], key: str, location: str) -> str:
    """Return a text; raises InputError if it is none."""
    value = row.get(key)
    if not isinstance(value, str):
        raise InputError(f"{location} has no text as {key}: fetch the file again")
    return value


def name(row: Mapping[str, object], key: str, location: str) -> str:
    """Return an image's name, which some files write as a number; raises InputError if it is neither."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{location} has no image as {key}: fetch the file again")
    return str(value)


def names(row: Mapping[str, object], key: str, location: str) -> tuple[str, ...]:
    """Return names of images; raises InputError if they are not a list."""
    value = row.get(key)
    if not isinstance(value, list):
        raise InputError(f"{location} has no list as {key}: fetch the file again")
    return tuple(name({key: each}, key, location) for each in value)


def texts(row: Mapping[str, object], key: str, location: str) -> tuple[str, ...]:
    """Return texts, given as one or as a list; none if the key is missing."""
    value = row.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list):
        raise InputError(f"{location} has no texts as {key}: fetch the file again")
    return tuple(text({key: each}, key, location) for each in values)


def objects(row: Mapping[str, object], key: str, location: str, *, of: str) -> list[Mapping[str, object]]:
    """Return JSON objects; raises InputError if they are not a list."""
    value = row.get(key)
    if not isinstance(value, list):
        raise InputError(f"{location} has no list as {key}: fetch the file again")
    return [annotations.mapping(each, location, of=of) for each in value]


def listed(path: Path, *, of: str) -> tuple[str, ...]:
    """Read a file that is one list of names; raises InputError if it is not, or if a name occurs twice."""
    found = names({"": annotations.document(path, of=of)}, "", str(path))
    if len(set(found)) < len(found):
        raise InputError(f"{path} names an image twice: fetch the file again")
    return found


def first_folder(folder: Path, *below: str) -> Path:
    """Return the first existing folder of `below`, or the first of all, so that the error can name it."""
    return next((folder / each for each in below if (folder / each).is_dir()), folder / below[0])
