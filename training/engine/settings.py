"""Sections that every method's config has."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a config, strict and frozen: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BackboneConfig(Section):
    """An open_clip model and its weights."""

    name: str
    pretrained: str = ""  # one of open_clip's tags, a file, a bundle's folder, or nothing for random weights
    like: str = ""  # with a file, the tag whose preprocessing and activation its weights have


class OptimConfig(Section):
    """AdamW with a linear warm-up and a cosine to zero."""

    learning_rate: float = Field(gt=0)
    backbone: float = Field(default=1.0, gt=0)  # factor on the learning rate of CLIP's own weights
    text: float = Field(default=1.0, gt=0)  # factor on that of its text tower's blocks, beside the one before
    weight_decay: float = Field(ge=0)  # not on biases, norms, embeddings of positions and the temperature
    betas: tuple[float, float] = Field(default=(0.9, 0.98), strict=False)
    eps: float = Field(default=1e-6, gt=0)
    warmup_steps: int = Field(ge=0)
    clip_norm: float = Field(default=1.0, gt=0)


class LoopConfig(Section):
    """Length, batches and precision of training."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)  # the rows of all ranks together
    microbatch: int = Field(default=0, ge=0)  # rows of a forward pass on one device; 0: a rank's whole share
    workers: int = Field(default=0, ge=0)  # processes that load data, of each rank
    precision: Literal["float32", "bfloat16"]
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    checkpoint_steps: int = Field(default=200, ge=1)
    validation_epochs: int = Field(default=1, ge=1)  # validate after every so many epochs, and after the last


class TripletLoss(Section):
    """−log softmax of cos(z_q, z_t) / temperature over the targets of the batch."""

    temperature: float = Field(default=0.01, gt=0)
    satisfied: bool = True  # other targets known to satisfy a text are not its negatives; the paper knows none
