"""Fields of a published benchmark's rows, with errors that name the file and the row."""

from collections.abc import Mapping
from pathlib import Path

from models.errors import InputError
from training.data import annotations


def text(row: Mapping[str, object], key: str, where: str) -> str:
    """A text; raises InputError where it is none."""
    value = row.get(key)
    if not isinstance(value, str):
        raise InputError(f"{where} has no text as {key}: fetch the file again")
    return value


def name(row: Mapping[str, object], key: str, where: str) -> str:
    """A picture's name, which some files write as a number; raises InputError where it is neither."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{where} has no picture as {key}: fetch the file again")
    return str(value)


def names(row: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    """Names of pictures; raises InputError where there is no list of them."""
    value = row.get(key)
    if not isinstance(value, list):
        raise InputError(f"{where} has no list as {key}: fetch the file again")
    return tuple(name({key: each}, key, where) for each in value)


def texts(row: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    """Texts, as one or as a list; none where the key is not there."""
    value = row.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list):
        raise InputError(f"{where} has no texts as {key}: fetch the file again")
    return tuple(text({key: each}, key, where) for each in values)


def objects(row: Mapping[str, object], key: str, where: str, *, of: str) -> list[Mapping[str, object]]:
    """JSON objects; raises InputError where there is no list of them."""
    value = row.get(key)
    if not isinstance(value, list):
        raise InputError(f"{where} has no list as {key}: fetch the file again")
    return [annotations.mapping(each, where, of=of) for each in value]


def listed(path: Path, *, of: str) -> tuple[str, ...]:
    """A file that is one list of names; raises InputError where it is not, or where a name comes twice."""
    found = names({"": annotations.document(path, of=of)}, "", str(path))
    if len(set(found)) < len(found):
        raise InputError(f"{path} names a picture twice: fetch the file again")
    return found


def first_folder(folder: Path, *below: str) -> Path:
    """The first of the folders `below` that is there, else the first of all, for what is missing to be named."""
    return next((folder / each for each in below if (folder / each).is_dir()), folder / below[0])
