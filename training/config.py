"""A training run's settings: one strict TOML file, parsed once and handed down as plain values."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.errors import ConfigError
from training.datasets.config import CaptionedData, DrawnCaptions, TripletData


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BackboneConfig(_Section):
    """Which open_clip model, and from where its weights."""

    name: str
    pretrained: str = ""  # one of open_clip's tags, a file, a bundle's folder, or nothing for random weights


class OptimConfig(_Section):
    """AdamW with a linear warm-up and a cosine to zero."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)  # not on biases, norms, embeddings of positions and the temperature
    betas: tuple[float, float] = Field(default=(0.9, 0.98), strict=False)
    eps: float = Field(default=1e-6, gt=0)
    warmup_steps: int = Field(ge=0)
    clip_norm: float = Field(default=1.0, gt=0)


class LoopConfig(_Section):
    """How long, in what batches, at what precision."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)  # the rows of all ranks together
    microbatch: int = Field(default=0, ge=0)  # rows of a forward pass on one device; 0: a rank's whole share
    workers: int = Field(default=0, ge=0)  # processes that load data, of each rank
    precision: Literal["float32", "bfloat16"]
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    checkpoint_steps: int = Field(default=200, ge=1)
    validation_epochs: int = Field(default=1, ge=1)  # validate after every so many epochs, and after the last


class ContrastConfig(_Section):
    """A small CLIP from random weights."""

    method: Literal["contrast"]
    seed: int
    backbone: BackboneConfig
    data: DrawnCaptions
    optim: OptimConfig
    loop: LoopConfig


# Of a text tower of 12 blocks, from 0; scaled to the tower's own.
Layers = Annotated[tuple[Annotated[int, Field(ge=0, lt=12)], ...], Field(strict=False)]


class MappingNet(_Section):
    """The modules of the first stage (two-stage, A.1)."""

    injection_layers: Layers
    bottleneck: int = Field(default=128, gt=0, multiple_of=8)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class MappingLoss(_Section):
    """NCE(v_tgt, t) + reference · NCE(v_ref, t) + soft · L_soft, at one temperature τ."""

    temperature: float = Field(default=0.07, gt=0)
    reference: float = Field(default=1.0, ge=0)
    soft: float = Field(default=0.2, ge=0)


class MappingConfig(_Section):
    """The first stage: a picture becomes a pseudo-word."""

    net: MappingNet
    data: CaptionedData
    loss: MappingLoss = MappingLoss()
    optim: OptimConfig
    loop: LoopConfig


class ComposingNet(_Section):
    """The composing adapters (two-stage, A.3)."""

    adapter_layers: Layers
    rank: int = Field(default=128, gt=0)


class ComposingLoss(_Section):
    """½ (CE(v_tgt → t_c) + L_hard) + mapping · NCE(v_ref, t_map) + soft · L_soft, at one temperature τ."""

    temperature: float = Field(default=0.01, gt=0)
    mixed: int = Field(default=10, ge=0)  # k, the hard negatives of each query; 0: none
    mixed_logit_scale: Literal["tau", "none"] = "tau"  # whether their scores are divided by τ; the release does not
    mixed_cap: float = Field(default=0.9, gt=0, le=1)  # of the positive's share in a mixture
    satisfied: bool = True  # other targets known to satisfy a text are not its negatives; the paper's data knows none
    mapping: float = Field(default=1.0, ge=0)
    soft: float = Field(default=0.2, ge=0)


class ComposingConfig(_Section):
    """The second stage: the text tower learns to compose."""

    start: Literal["mapping", "scratch"] = "mapping"  # scratch: no first stage
    learns: Literal["adapters", "everything"] = "adapters"  # everything: the modules of the first stage too
    net: ComposingNet
    data: TripletData
    loss: ComposingLoss = ComposingLoss()
    optim: OptimConfig
    loop: LoopConfig


class TwoStageConfig(_Section):
    """From mapping to composing, on a frozen CLIP."""

    method: Literal["two-stage"]
    seed: int
    template: str = Field(default="a photo of * that {text}", pattern=r"\*.*\{text\}")
    backbone: BackboneConfig
    mapping: MappingConfig
    composing: ComposingConfig

    @property
    def mapping_template(self) -> str:
        """The pseudo-sentence with no change wanted: the template up to its pseudo-word."""
        return self.template[: self.template.index("*") + 1]


Config = Annotated[ContrastConfig | TwoStageConfig, Field(discriminator="method")]
_CONFIG: TypeAdapter[ContrastConfig | TwoStageConfig] = TypeAdapter(Config)


def read(path: Path) -> ContrastConfig | TwoStageConfig:
    """Parses a TOML file; raises ConfigError that names the file and the key.

    A file may name another as its `base` and hold only what differs: tables are merged, values replaced.
    """
    return parse(document(path), name=str(path))


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


def parse(values: Mapping[str, object], *, name: str) -> ContrastConfig | TwoStageConfig:
    """The config that a file's values say; `name` is how errors call it."""
    try:
        return _CONFIG.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ConfigError(f"{name}: {where}: {first['msg']}") from error


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        beneath = merged.get(key)
        merged[key] = _laid_over(beneath, value) if isinstance(value, dict) and isinstance(beneath, dict) else value
    return merged
