"""API keys: a file of JSON lines with the hashes of the keys, read again when it changes."""

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
FileStamp = tuple[int, int, int, int]
KEY_PREFIX = "likebut_"  # lets people and secret scanners recognise a key
SECRET_BYTES = 32
MAX_BYTES = 1_000_000  # each request is compared with all keys
LOCK_S = 30.0  # longest wait for another change of the file
CHECK_S = 1.0  # between two checks of the file


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the file: a caller's name, role and rate; a key is random enough for a plain hash."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    role: Role
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    rate_per_s: Annotated[float, Field(ge=0, le=1e6)] | None = None  # None: the rate of the service; 0: no limit
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


LINE = TypeAdapter(Key)


def digest(secret: str) -> str:
    """Return the SHA-256 of a key in hex, as the file holds it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(keys: Iterable[Key], secret: str) -> Key | None:
    """Return the key with this secret; compares all keys in constant time, so that timing reveals nothing."""
    given, match = digest(secret), None
    for key in keys:
        if hmac.compare_digest(key.sha256, given):
            match = key
    return match


def read(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file; raises ConfigError if it cannot be read or a line is not a key."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be read ({error.strerror}): likebut keys add creates one"
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the key file {path} has more than {MAX_BYTES} bytes: remove unused keys")
    keys: list[Key] = []
    names: set[str] = set()
    hashes: set[str] = set()
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            key = LINE.validate_json(line)
        except ValidationError as error:
            raise ConfigError(
                f"line {number} of {path} is not a valid key ({error.errors()[0]['msg']}): correct it"
            ) from error
        if key.name in names or key.sha256 in hashes:
            raise ConfigError(
                f"line {number} of {path} repeats the name {key.name} or its key: remove one of the lines"
            )
        keys.append(key)
        names.add(key.name)
        hashes.add(key.sha256)
    return tuple(keys)


def add(path: Path, *, name: str, role: Role, rate_per_s: float | None, burst: int | None) -> str:
    """Adds a new key to the file, creates the file if needed, and returns the key, which is stored nowhere."""
    secret = KEY_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with _locked(path):
        keys = read(path) if path.exists() else ()
        if any(key.name == name for key in keys):
            raise ConfigError(f"{path} already has a key {name}: choose another name, and remove the old key later")
        line = {"name": name, "role": role, "sha256": digest(secret), "rate_per_s": rate_per_s, "burst": burst}
        try:
            key = LINE.validate_json(json.dumps(line))
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else "name"  # no field for half a character
            problem = "use 1 to 64 letters, digits and . _ -" if field == "name" else first["msg"]
            raise ConfigError(f"{field} cannot be {line[field]!r}: {problem}") from error
        _write(path, [*keys, key])
    return secret


def remove(path: Path, name: str) -> None:
    """Removes a key from the file; raises ConfigError if there is none of that name."""
    with _locked(path):
        keys = read(path)
        if not any(key.name == name for key in keys):
            names = ", ".join(key.name for key in keys) or "no keys"
            raise ConfigError(f"{path} has no key {name}: it has {names}")
        _write(path, [key for key in keys if key.name != name])


class KeyFile:
    """The current keys of a file; if it becomes invalid or is deleted, the last valid keys stay in use."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if the file cannot be used."""
        self._path = path
        self._stamp = _stamp(path)
        self._keys = read(path)
        self._next_check_s = 0.0

    def keys(self, now_s: float) -> tuple[Key, ...]:
        """Return the keys; checks the file if the last check was a second ago."""
        if now_s >= self._next_check_s:
            self._next_check_s = now_s + CHECK_S
            self._reload()
        return self._keys

    def _reload(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp  # from before the reading, so that the next check sees a change during the reading
        try:
            self._keys = read(self._path)
        except ConfigError as error:
            LOG.error("the last valid keys stay in use: %s", error)
            return
        LOG.info("reloaded %d keys from %s", len(self._keys), self._path)


def _stamp(path: Path) -> FileStamp | None:
    """Return values that change with the file, even if another of the same size replaces it; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Excludes other changes; the lock is a file beside this one, which itself gets replaced."""
    path = path.resolve()
    busy = ConfigError(f"another process has been changing {path} for {LOCK_S:g} s: try again later")
    with files.lock(path.with_name(f".{path.name}.lock"), timeout_s=LOCK_S, busy=busy):
        yield


def _write(path: Path, keys: Sequence[Key]) -> None:
    """Replaces the file atomically; owner and mode stay, and only its owner may read a new file."""
    path = path.resolve()  # a link stays a link
    with files.replacing(path) as part:
        part.touch(0o600, exist_ok=False)
        if path.exists():
            old = path.stat()
            os.chown(part, old.st_uid, old.st_gid)
            part.chmod(old.st_mode & 0o777)
        part.write_bytes(b"".join(LINE.dump_json(key, exclude_none=True) + b"\n" for key in keys))
