"""Checks that disk and memory suffice before a build begins, since a build may take hours."""

import re
import shutil
from pathlib import Path

from index.vectors import encodings
from index.vectors.encodings import IndexOptions
from models.errors import GalleryError

MEMINFO = Path("/proc/meminfo")  # of Linux; elsewhere memory is not checked
HALF, ROW_ID = 2, 8  # bytes
ITEM_BYTES = 512  # of an item's columns on disk
ROW_BYTES = 1500  # of a source's row in Python, and of its image's state
SLACK = 1.1
MIB = 1024 * 1024


def check(gallery: Path, *, rows: int, dimension: int, shape: IndexOptions, meminfo: Path = MEMINFO) -> None:
    """Raises GalleryError with the needed and the free bytes if disk or memory do not suffice."""
    codes = encodings.code_bytes(shape.encoding_of(rows), dimension) + ROW_ID
    need, free = disk_bytes(rows, dimension, codes), shutil.disk_usage(gallery).free
    if need > free:
        raise GalleryError(
            f"{rows} items need about {_mib(need)} on the disk of {gallery} and {_mib(free)} are free: make room, or"
            " choose another disk"
        )
    needed, available = memory_bytes(rows, codes, shape.shards_of(rows)), available_bytes(meminfo)
    if available is not None and needed > available:
        raise GalleryError(
            f"{rows} items need about {_mib(needed)} of memory and {_mib(available)} are available: end other programs,"
            " or build with more --shards"
        )


def disk_bytes(rows: int, dimension: int, codes: int) -> int:
    """The vectors three times (chunks, the build's file and snapshot) in half precision, the shards, and the items.

    The shards have `codes` bytes a row.
    """
    return int(SLACK * rows * (3 * HALF * dimension + codes + ITEM_BYTES))


def memory_bytes(rows: int, codes: int, shards: int) -> int:
    """The largest shard, and what is kept of the rows; their vectors are mapped from the disk."""
    return int(SLACK * (rows * ROW_BYTES + -(-rows // shards) * codes))


def available_bytes(meminfo: Path = MEMINFO) -> int | None:
    """The memory that Linux can give without swapping; None if it is unknown."""
    try:
        found = re.search(r"^MemAvailable:\s+([0-9]+) kB$", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return None if found is None else int(found[1]) * 1024


def _mib(count: int) -> str:
    return f"{count / MIB:,.0f} MiB"
