"""A training run's settings: one strict TOML file, parsed once and handed down as plain values."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BackboneConfig(_Section):
    """Which open_clip model, and from where its weights."""

    name: str
    pretrained: str = ""  # one of open_clip's tags, a file, or nothing for random weights


class DataConfig(_Section):
    """How much of the drawn world."""

    products: int = Field(ge=2)
    validation_products: int = Field(ge=2)
    vocabulary: int = Field(ge=512)  # tokens of the BPE that is trained on the world's texts


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
    batch: int = Field(ge=2)
    precision: Literal["float32", "bfloat16"]
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    checkpoint_steps: int = Field(default=200, ge=1)


class Config(_Section):
    """One run."""

    stage: Literal["contrast"]
    seed: int
    backbone: BackboneConfig
    data: DataConfig
    optim: OptimConfig
    loop: LoopConfig

    @classmethod
    def read(cls, path: Path) -> "Config":
        """Parses a TOML file; raises ConfigError that names the file and the key."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), name=str(path))
        except OSError as error:
            raise ConfigError(f"no config can be read at {path}: {error.strerror}") from error

    @classmethod
    def parse(cls, text: str, *, name: str) -> "Config":
        """Parses TOML; `name` is how errors call it."""
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{name} is not TOML: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
