"""Config of a run: one strict TOML file, whose `method` says which method trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from models.errors import ConfigError
from training.engine import toml
from training.methods.clip import ContrastConfig
from training.methods.clip4cir import Clip4CirConfig
from training.methods.instruct.instruct import InstructConfig
from training.methods.method import Method
from training.methods.pseudo_words.lincir import LinCirConfig
from training.methods.pseudo_words.pic2word import Pic2WordConfig
from training.methods.pseudo_words.searle import SearleConfig
from training.methods.reranker.reranker import RerankConfig
from training.methods.slerp import SlerpConfig
from training.methods.transagg import TransAggConfig
from training.methods.two_stage.two_stage import TwoStageConfig

CONFIG_FILE = "config.toml"  # the name of its copy in the run's folder

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
    """Parse a TOML file; raises ConfigError with the file and the key.

    A file may name another as its `base` and hold only the differences: tables are merged and values are replaced, but
    data of another source replaces the base's data as a whole.
    """
    return parse(document(path), name=str(path))


def last_stage(settings: Method, stage: str | None) -> str:
    """Return `stage`, or the last one if it is None; "" if the method has no stages. Raises ConfigError for others."""
    if stage is not None and stage not in settings.stages:
        known = " or ".join(settings.stages)
        hint = f"name {known}" if known else "leave it out"
        raise ConfigError(f"this run of the method {settings.method} has no stage {stage!r}: {hint}")
    return stage or (settings.stages[-1] if settings.stages else "")


def document(path: Path, *, above: tuple[Path, ...] = ()) -> dict[str, object]:
    """Return the file's values merged over those of its bases; raises ConfigError. `above` are files based on it."""
    values = toml.read(path)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{path}: base: name another config file, relative to this one")
    above = (*above, path.resolve())
    if (path.parent / base).resolve() in above:
        raise ConfigError(f"{path}: base: {base} is this file or is based on it: name one that is not")
    below = document(path.parent / base, above=above)
    return _merged(below, values)


def parse(values: Mapping[str, object], *, name: str) -> AnyConfig:
    """Return the config of a file's values; errors call the file `name`."""
    try:
        return _CONFIG.validate_python(dict(values))
    except ValidationError as error:
        raise ConfigError(f"{name}: {toml.first_error(error)}") from error


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    if "source" in above and above["source"] != below.get("source"):  # other data, which has other keys
        return dict(above)
    merged = dict(below)
    for key, value in above.items():
        beneath = merged.get(key)
        merged[key] = _merged(beneath, value) if isinstance(value, dict) and isinstance(beneath, dict) else value
    return merged
