"""One shard or folder looked through: which files make which sample."""

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow

from training.data.images import SUFFIXES

_FIELD = "json:"
_BLOCK = 512  # of a tar


@dataclass(frozen=True, slots=True)
class SampleShape:
    """The parts of a sample.

    Images are called by the part between key and suffix: "" is key.jpg, "source_image" key.source_image.jpg.
    Texts are called by their suffix, "txt" for the whole of key.txt, or "json:caption" for a field of key.json.
    """

    pictures: tuple[str, ...]
    texts: tuple[str, ...]


def scan(shard: Path, shape: SampleShape) -> tuple[pyarrow.Table, str]:
    """The samples of a tar from its headers, and what is wrong with its end, "" if it is whole.

    Paths are left empty. Python's reader takes damage between two members for the end, so the end is looked at here.
    """
    found, size, end, damage = _Collected(shape), shard.stat().st_size, 0, ""
    try:
        with shard.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                last = member.offset_data + (member.size if member.isfile() else 0)
                if last > size:
                    break
                end = -(-last // _BLOCK) * _BLOCK
                folder, slash, name = member.name.removeprefix("./").rpartition("/")
                key, _, suffix = name.partition(".")
                if not member.isfile() or not key:
                    continue
                suffix = suffix.lower()
                data = b""
                if found.wants(suffix):
                    file.seek(member.offset_data)
                    data = file.read(member.size)
                offset, length = member.offset_data, member.size
                found.add(folder + slash + key, suffix, path="", offset=offset, size=length, data=data)
    except (tarfile.TarError, OSError) as error:
        damage = str(error)
    if not damage and not _ends(shard, end):
        damage = f"no end of archive after {end} bytes"
    return found.table(), damage


def loose(folder: Path, shape: SampleShape) -> pyarrow.Table:
    """The samples of a folder of loose files, with its sub-folders."""
    found = _Collected(shape)
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            key, _, suffix = name.partition(".")
            path, suffix = Path(parent) / name, suffix.lower()
            if not key:
                continue
            data = path.read_bytes() if found.wants(suffix) else b""
            sample = (Path(parent) / key).relative_to(folder).as_posix()
            found.add(sample, suffix, path=str(path), offset=0, size=path.stat().st_size, data=data)
    return found.table()


class _Collected:
    """The samples of one shard or folder as they come to light."""

    def __init__(self, shape: SampleShape) -> None:
        self._shape = shape
        self._fields = [text.removeprefix(_FIELD) for text in shape.texts if text.startswith(_FIELD)]
        self._samples: dict[str, dict[str, object]] = {}

    def wants(self, suffix: str) -> bool:
        """True if the contents of such a file are read."""
        return suffix in self._shape.texts or (suffix == "json" and bool(self._fields))

    def add(self, key: str, suffix: str, *, path: str, offset: int, size: int, data: bytes) -> None:
        """One file; `data` is empty unless it is read."""
        sample = self._samples.setdefault(key, {"key": key, "problem": ""})
        if self.wants(suffix):
            self._text(sample, suffix, data)
            return
        picture, _, ending = suffix.rpartition(".")
        if f".{ending}" not in SUFFIXES or picture not in self._shape.pictures:
            return
        if f"size:{picture}" in sample:
            sample["problem"] = "two images"
        sample |= {f"path:{picture}": path, f"offset:{picture}": offset, f"size:{picture}": size}

    def _text(self, sample: dict[str, object], suffix: str, data: bytes) -> None:
        try:
            if suffix != "json":
                sample[f"text:{suffix}"] = data.decode("utf-8-sig").strip()
                return
            fields = json.loads(data)
        except (ValueError, RecursionError):
            sample["problem"] = "unreadable text"
            return
        for field in self._fields:
            value = fields.get(field) if isinstance(fields, dict) else None
            sample[f"text:{_FIELD}{field}"] = value.strip() if isinstance(value, str) else None

    def table(self) -> pyarrow.Table:
        """A row for each sample, in the order of its first file."""
        columns = {"key": pyarrow.large_string(), "problem": pyarrow.large_string()}
        for picture in self._shape.pictures:
            columns |= {f"path:{picture}": pyarrow.large_string()}
            columns |= {f"offset:{picture}": pyarrow.int64(), f"size:{picture}": pyarrow.int64()}
        columns |= {f"text:{text}": pyarrow.large_string() for text in self._shape.texts}
        return pyarrow.Table.from_pylist(list(self._samples.values()), schema=pyarrow.schema(list(columns.items())))


def _ends(shard: Path, offset: int) -> bool:
    with shard.open("rb") as file:
        file.seek(offset)
        return file.read(_BLOCK) == bytes(_BLOCK)
