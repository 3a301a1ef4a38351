"""The high-water mark: the number of a gallery's last acknowledged change, in a small file beside the journal.

SQLite takes a write-ahead file that is missing, cut or damaged for the end of the journal; the mark shows that changes
are gone. It is written after the commit and without waiting for the disk: it is never ahead of the journal, costs
microseconds, and may be behind only after a power cut.

Each search of each process reads it to see if there are changes, since that costs a third of a query in SQLite. This is
enough: a change is acknowledged only after the mark was written, so a reader that finds the bytes of its last look has
every acknowledged change. A process that is killed between commit and mark has acknowledged nothing; who opens the
journal next writes the mark. Bytes never come back, since the number only rises, and a line that is half written
differs from both: the reader asks SQLite, and looks again next time.
"""

import fcntl
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from index.storage.snapshot import HIGH_WATER
from models import files
from models.errors import GalleryBroken, GalleryError

# of one length, so that it is overwritten as a whole; the last part is the checksum of the others
LINE = re.compile(r"([0-9a-f]{32}) ([0-9]{20}) ([0-9a-f]{8})\n")
LENGTH = 128  # bytes to read, more than it has


@dataclass(frozen=True, slots=True)
class HighWater:
    """The random id of the journal, and the seq of the last change that was acknowledged."""

    journal: str
    seq: int


def read(gallery: Path) -> HighWater | None:
    """The mark of a gallery; None if there is none, as in an older gallery and in a backup.

    Raises GalleryBroken if it is damaged.
    """
    path = gallery / HIGH_WATER
    try:
        return _parsed(path, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GalleryError(f"{path} cannot be read ({error}): give this process the right to") from error


def line(path: str) -> bytes:
    """The bytes of the mark at a path, to be compared with those of another time; none if it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, LENGTH)
    except OSError:
        return b""
    finally:
        os.close(file)


def require_writable(gallery: Path) -> None:
    """Raises GalleryBroken if the mark is damaged, and GalleryError if it cannot be written."""
    path = gallery / HIGH_WATER
    try:
        with path.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            _parsed(path, file.read())
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(gallery, error) from error


def replace(gallery: Path, mark: HighWater) -> None:
    """Writes the mark, whatever it was; raises GalleryError."""
    try:
        files.write(gallery / HIGH_WATER, _line(mark))
    except OSError as error:
        raise _unwritable(gallery, error) from error


def advance(gallery: Path, mark: HighWater) -> None:
    """Raises the mark to this seq; a mark that is higher stays. Raises GalleryError."""
    path = gallery / HIGH_WATER
    try:
        with path.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two processes may have committed at the same time
            if _parsed(path, file.read()).seq < mark.seq:
                file.seek(0)
                file.write(_line(mark).encode())
    except FileNotFoundError:
        replace(gallery, mark)
    except OSError as error:
        raise _unwritable(gallery, error) from error


def _parsed(path: Path, data: bytes) -> HighWater:
    match = LINE.fullmatch(data.decode("ascii", "replace"))
    if match is None or _line(HighWater(match[1], int(match[2]))) != match[0]:
        raise GalleryBroken(f"{path} is damaged: check the gallery, and write it anew with `likebut index repair`")
    return HighWater(match[1], int(match[2]))


def _line(mark: HighWater) -> str:
    text = f"{mark.journal} {mark.seq:020}"
    return f"{text} {zlib.crc32(text.encode()):08x}\n"


def _unwritable(gallery: Path, error: OSError) -> GalleryError:
    return GalleryError(f"{gallery / HIGH_WATER} cannot be written ({error}): give this process the right to write it")
