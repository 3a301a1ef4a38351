"""Short texts that change when an image changes, read without its bytes; "" if nothing reliable is known."""

import os
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

SETTLED_S = 2.0  # the coarsest clock of a file system: a younger file may change again without a new time
ETAG, MODIFIED = "etag:", "modified:"

DIGESTS = ("ETag", "etag", "md5Hash", "md5", "checksum")  # names that drivers of stores use for a digest of the bytes
TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def settled(changed_s: float, read_s: float) -> bool:
    """Return whether a change after the reading would get another time, the rule that git applies to its index."""
    return read_s - changed_s >= SETTLED_S


def of_file(status: os.stat_result) -> str:
    """Return the size and modification time of a local file."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def of_object(info: Mapping[str, object], *, read_s: float) -> str:
    """Return the size of an object in a store, with its digest or else a settled modification time."""
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


def of_response(headers: Mapping[str, str]) -> str:
    """Return the ETag of an HTTP response, or else its Last-Modified if that was settled when the response was sent.

    The names of the headers are in lower case.
    """
    if etag := headers.get("etag", ""):
        return ETAG + etag
    modified = headers.get("last-modified", "")
    try:
        changed_s, sent_s = (parsedate_to_datetime(text).timestamp() for text in (modified, headers.get("date", "")))
    except ValueError:
        return ""
    return MODIFIED + modified if settled(changed_s, sent_s) else ""


def conditions(fingerprint: str) -> dict[str, str]:
    """Return the request headers that ask a server for the image only if `fingerprint` is outdated."""
    if fingerprint.startswith(ETAG):
        return {"If-None-Match": fingerprint.removeprefix(ETAG)}
    if fingerprint.startswith(MODIFIED):
        return {"If-Modified-Since": fingerprint.removeprefix(MODIFIED)}
    return {}
