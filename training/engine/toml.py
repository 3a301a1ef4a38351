"""Config files in TOML: their values, and the sentence for a value that does not fit its section."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from models.errors import ConfigError


def read(path: Path) -> dict[str, object]:
    """Return the values of a file; raises ConfigError if it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no config can be read at {path}: {getattr(error, 'strerror', error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def first_error(error: ValidationError) -> str:
    """Return the key of the first wrong value, and what is wrong with it."""
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"])) or "the whole file"
    return f"{key}: {first['msg']}"
