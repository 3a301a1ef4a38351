"""Files below a folder: links to folders followed once, special files passed over."""

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path


def files(base: str, left_out: Collection[str], note: Callable[[str], None]) -> list[str]:
    """Return the paths of all files below `base`, relative to it, in the order of their parts.

    Hidden files are passed over, and what lies at or below the paths `left_out`. A link to a folder is followed, unless
    that folder was read already: then `note` gets a sentence, as for links to nothing and for pipes, sockets and
    devices, which are not opened. Raises OSError for a folder that cannot be read: to pass it over would take its items
    out of the gallery.
    """

    def fail(error: OSError) -> None:
        raise error

    files: list[str] = []
    read: dict[str, str] = {}  # the real paths of the folders that were read, and the paths by which they were
    waiting = [base]

    def is_left_out(real: str) -> bool:
        return real in left_out or any(real.startswith(f"{path}{os.sep}") for path in left_out)

    while waiting:
        links: list[str] = []
        for start in waiting:
            real = os.path.realpath(start)
            if is_left_out(real):
                continue
            if real in read:
                note(f"the folder {_shown(start, base)} was left out: it is {_shown(read[real], base)} again")
                continue
            for folder, names, others in os.walk(start, onerror=fail):
                real = os.path.realpath(folder)  # another path than the folder's below a link
                if real in read or is_left_out(real):
                    names[:] = []
                    continue
                read[real] = folder
                entries = {name: f"{folder}/{name}" for name in names if name[0] != "."}
                linked = {name for name, path in entries.items() if Path(path).is_symlink()}
                links += [entries[name] for name in linked if entries[name] not in left_out]
                names[:] = [name for name in entries if name not in linked and entries[name] not in left_out]
                shown = [name for name in others if name[0] != "." and f"{real}/{name}" not in left_out]
                paths = [f"{folder}/{name}" for name in shown]
                files += [path[len(base) + 1 :] for path in paths if _is_file(path, base, note)]
        waiting = sorted(links)  # after all folders that are no links, so that those keep their paths
    return sorted(files, key=lambda name: name.replace("/", "\0"))  # part by part


def _is_file(path: str, base: str, note: Callable[[str], None]) -> bool:
    """Return False for a pipe, a socket or a device, and True for a broken link, which is reported when it is read."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return True
    if stat.S_ISREG(mode):
        return True
    note(f"{_shown(path, base)} was left out: it is no regular file")
    return False


def escaped(path: Path | str) -> str:
    r"""Return the path as text that can be shown and written, each foreign byte as in caf\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _shown(path: str, base: str) -> str:
    return escaped(path[len(base) + 1 :] or path)
