"""Inputs that a run gives to each of its sources of data, beside the data section of its config."""

from dataclasses import dataclass
from pathlib import Path

from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class RunInputs:
    """CLIP, tokenizer, template of the texts, and seed of a run; `cache` is the folder of drawn images."""

    backbone: Backbone
    tokenizer: Tokenizer
    template: str
    seed: int
    cache: Path
