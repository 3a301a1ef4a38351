"""A training run's settings: one strict TOML file, parsed once and handed down as plain values."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from models.errors import ConfigError
from training.methods.clip.config import ContrastConfig
from training.methods.clip4cir.config import Clip4CirConfig
from training.methods.instruct.config import InstructConfig
from training.methods.pseudo_words.config import LinCirConfig, Pic2WordConfig, SearleConfig
from training.methods.reranker.config import RerankConfig
from training.methods.slerp.config import SlerpConfig
from training.methods.transagg.config import TransAggConfig
from training.methods.two_stage.config import TwoStageConfig

CONFIG_FILE = "config.toml"  # a run's own, in its folder

AnyConfig = (
    ContrastConfig
    | TwoStageConfig
    | InstructConfig
    | TransAggConfig
    | SlerpConfig
    | Pic2WordConfig
    | SearleConfig
    | LinCirConfig
    | Clip4CirConfig
    | RerankConfig
)
Config = Annotated[AnyConfig, Field(discriminator="method")]
_CONFIG: TypeAdapter[AnyConfig] = TypeAdapter(Config)


def read(path: Path) -> AnyConfig:
    """Parses a TOML file; raises ConfigError that names the file and the key.

    A file may name another as its `base` and hold only what differs: tables are merged, values replaced, and data of
    another source is not merged but replaced whole.
    """
    return parse(document(path), name=str(path))


def last(settings: AnyConfig, stage: str | None) -> str:
    """The stage of that name, by default the last one; "" where a method has but one. Raises ConfigError for others."""
    if stage is not None and stage not in settings.stages:
        known = " or ".join(settings.stages)
        hint = f"name {known}" if known else "leave it out"
        raise ConfigError(f"the method {settings.method} has no stage {stage!r}: {hint}")
    return stage or (settings.stages[-1] if settings.stages else "")


def document(path: Path, *, above: tuple[Path, ...] = ()) -> dict[str, object]:
    """The file's values, laid over those of its bases; raises ConfigError. `above` are the files it is a base of."""
    try:
        found: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no config can be read at {path}: {getattr(error, 'strerror', error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    base = found.pop("base", None)
    if base is None:
        return found
    if not isinstance(base, str):
        raise ConfigError(f"{path}: base: name another config file, relative to this one")
    above = (*above, path.resolve())
    if (path.parent / base).resolve() in above:
        raise ConfigError(f"{path}: base: {base} is this file or rests on it: name one that does not")
    below = document(path.parent / base, above=above)
    return _laid_over(below, found)


def parse(values: Mapping[str, object], *, name: str) -> AnyConfig:
    """The config that a file's values say; `name` is how errors call it."""
    try:
        return _CONFIG.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ConfigError(f"{name}: {where}: {first['msg']}") from error


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    if "source" in above and above["source"] != below.get("source"):  # other data, which has other keys
        return dict(above)
    merged = dict(below)
    for key, value in above.items():
        beneath = merged.get(key)
        merged[key] = _laid_over(beneath, value) if isinstance(value, dict) and isinstance(beneath, dict) else value
    return merged
