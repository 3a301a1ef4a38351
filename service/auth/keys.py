"""Keys that callers are known by: a file of JSON lines that holds their hashes and is read again when it changes."""

import hashlib
import hmac
import json
import logging
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from models import files
from models.errors import ConfigError

LOG = logging.getLogger("likebut")
Role = Literal["search", "admin"]
Mark = tuple[int, int, int, int]
MARK = "likebut_"  # by which people, and scanners of leaked secrets, know a key for one
SECRET_BYTES = 32
MOST_BYTES = 1_000_000  # each request is compared with all keys
LOCK_S = 30.0  # longest wait for another change of the file
LOOK_S = 1.0  # between two looks at the file


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the file: who calls, and how often it may; the key itself is random enough for a plain hash."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    role: Role
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    rate_per_s: Annotated[float, Field(ge=0, le=1e6)] | None = None  # None takes the service's own, 0 is no limit
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


LINE = TypeAdapter(Key)


def hashed(secret: str) -> str:
    """What the file knows of a key: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(keys: Iterable[Key], secret: str) -> Key | None:
    """The key that this is; every one is compared in constant time, so that the time tells nothing of which."""
    given, found = hashed(secret), None
    for key in keys:
        if hmac.compare_digest(key.sha256, given):
            found = key
    return found


def read(path: Path) -> tuple[Key, ...]:
    """The keys of a file; raises ConfigError where it cannot be read or a line is no key."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the keys of {path} cannot be read ({error.strerror}): likebut keys add makes such a file"
        ) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"the keys of {path} have more than {MOST_BYTES} bytes: remove what is not used any more")
    keys: list[Key] = []
    names: set[str] = set()
    hashes: set[str] = set()
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            key = LINE.validate_json(line)
        except ValidationError as error:
            raise ConfigError(f"line {number} of {path} is no key ({error.errors()[0]['msg']}): mend it") from error
        if key.name in names or key.sha256 in hashes:
            raise ConfigError(f"line {number} of {path} names {key.name} or its key a second time: remove one")
        keys.append(key)
        names.add(key.name)
        hashes.add(key.sha256)
    return tuple(keys)


def add(path: Path, *, name: str, role: Role, rate_per_s: float | None, burst: int | None) -> str:
    """Adds a new key to the file, which is made where there is none, and gives the key, which nothing keeps."""
    secret = MARK + secrets.token_urlsafe(SECRET_BYTES)
    with _locked(path):
        keys = read(path) if path.exists() else ()
        if any(key.name == name for key in keys):
            raise ConfigError(f"{path} has a key {name} already: take another name, and remove the old one later")
        asked = {"name": name, "role": role, "sha256": hashed(secret), "rate_per_s": rate_per_s, "burst": burst}
        try:
            key = LINE.validate_json(json.dumps(asked))
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"{first['loc'][0]} cannot be {first['input']!r}: {first['msg'].lower()}") from error
        _write(path, [*keys, key])
    return secret


def remove(path: Path, name: str) -> None:
    """Removes a key from the file; raises ConfigError where there is none of that name."""
    with _locked(path):
        keys = read(path)
        if not any(key.name == name for key in keys):
            known = ", ".join(key.name for key in keys) or "none at all"
            raise ConfigError(f"{path} has no key {name}: there is {known}")
        _write(path, [key for key in keys if key.name != name])


class KeyFile:
    """The keys of a file as it is now; where it gets broken or is gone they stay as they were."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError where the file cannot be used."""
        self._path = path
        self._mark = _mark(path)
        self._keys = read(path)
        self._next_look_s = 0.0

    def keys(self, now_s: float) -> tuple[Key, ...]:
        """The keys; the file is looked at again when the last look was a second ago."""
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_S
            self._look()
        return self._keys

    def _look(self) -> None:
        mark = _mark(self._path)
        if mark == self._mark:
            return
        self._mark = mark  # of before the reading, so that a change meanwhile is seen at the next look
        try:
            self._keys = read(self._path)
        except ConfigError as error:
            LOG.error("the keys stay as they were: %s", error)
            return
        LOG.info("%d keys were read again from %s", len(self._keys), self._path)


def _mark(path: Path) -> Mark | None:
    """What changes with the file, also where it is replaced by another of the same length; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Excludes other changes; the lock is a file beside this one, which itself gets replaced."""
    path = path.resolve()
    busy = ConfigError(f"another process has been changing {path} for {LOCK_S:g} s: try again later")
    with files.lock(path.with_name(f".{path.name}.lock"), timeout_s=LOCK_S, busy=busy):
        yield


def _write(path: Path, keys: Sequence[Key]) -> None:
    """Replaces the file in one step, so that nobody reads half of it; owner and mode stay, a new one is its owner's."""
    path = path.resolve()  # a link stays a link
    with files.replacing(path) as part:
        part.touch(0o600, exist_ok=False)
        if path.exists():
            old = path.stat()
            os.chown(part, old.st_uid, old.st_gid)
            part.chmod(old.st_mode & 0o777)
        part.write_bytes(b"".join(LINE.dump_json(key, exclude_none=True) + b"\n" for key in keys))
