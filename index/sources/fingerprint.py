"""Short texts that tell whether a picture can have changed, without its bytes; "" where nothing can tell."""

import os
from collections.abc import Mapping
from datetime import datetime

SETTLED_S = 2.0  # the coarsest clock of a file system: what is younger may change again with no new time

DIGESTS = ("ETag", "etag", "md5Hash", "md5", "checksum")  # what drivers of stores call a text that follows the bytes
TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def settled(changed_s: float, read_s: float) -> bool:
    """Whether a change after the reading would show in the time of change, as git asks of its index."""
    return read_s - changed_s >= SETTLED_S


def of_file(status: os.stat_result) -> str:
    """A local file's size and time of change."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def of_object(info: Mapping[str, object], *, read_s: float) -> str:
    """What a store says of an object: its size, and a digest or else a settled time of change."""
    size = info.get("size")
    for name in DIGESTS:
        if info.get(name):
            return f"{size}:{info[name]}"
    for name in TIMES:
        changed = info.get(name)
        if isinstance(changed, datetime):
            changed = changed.timestamp()
        if isinstance(changed, int | float):
            return f"{size}:{changed:.6f}" if settled(changed, read_s) else ""
    return ""
