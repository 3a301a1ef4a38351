"""Addresses of galleries in Milvus: milvus://HOST:PORT/SHOP of a server, milvus-lite:FILE in this process."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from models.errors import ConfigError

TOKEN = "MILVUS_TOKEN"  # user:password, or a token
FILES = "MILVUS_FILES"  # the folder of images that are sent with items, and of unfinished builds
SHOP = "gallery"  # of a file in this process

# a path has lost one of two slashes
_SERVER = re.compile(
    r"milvus(\+https)?:/{1,2}([A-Za-z0-9.\-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})/([A-Za-z][A-Za-z0-9_]{0,63})"
)
_LITE = re.compile(r"milvus-lite:(.+\.db)")


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """The address of a server or a file, and the name of the shop that all its collections begin with."""

    uri: str
    shop: str
    name: str  # as it is given on a command line
    folder: Path  # of files beside Milvus

    @property
    def token(self) -> str:
        """The credentials, from the environment; empty if there are none."""
        return os.environ.get(TOKEN, "")


def is_milvus(gallery: Path | str) -> bool:
    """True if a gallery is named by an address of Milvus, and not by a folder."""
    return str(gallery).startswith(("milvus:", "milvus+https:", "milvus-lite:"))


def shown(gallery: Path | str) -> str:
    """The gallery as it is written on a command line: a path has lost a slash of an address."""
    return parse(gallery).name if is_milvus(gallery) else str(gallery)


def parse(gallery: Path | str) -> MilvusAddress:
    """Read an address; raises ConfigError if it is none."""
    text = str(gallery)
    if server := _SERVER.fullmatch(text):
        scheme = "https" if server[1] else "http"
        given = f"milvus{server[1] or ''}://{server[2]}:{server[3]}/{server[4]}"
        folder = Path(os.environ.get(FILES, "milvus-files")) / server[4]
        return MilvusAddress(f"{scheme}://{server[2]}:{server[3]}", server[4], given, folder)
    if lite := _LITE.fullmatch(text):
        path = Path(lite[1]).absolute()
        return MilvusAddress(str(path), SHOP, f"milvus-lite:{path}", path.with_name(f"{path.name}.files"))
    raise ConfigError(
        f"{text!r} is no address of Milvus: write milvus://HOST:PORT/SHOP, with letters, digits and _ in SHOP, or"
        " milvus-lite:FILE.db"
    )
