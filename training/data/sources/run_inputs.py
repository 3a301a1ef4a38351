"""Inputs that a run gives to each of its sources of data, beside the data section of its config."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.preprocess import Resize
from models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class RunInputs:
    """CLIP, tokenizer, template of the texts, and seed of a run; `cache` is the folder of drawn images."""

    backbone: Backbone
    tokenizer: Tokenizer
    template: str
    seed: int
    cache: Path

    @property
    def size(self) -> int:
        """S of the crops of images to train on; raises ConfigError as `check_crops`."""
        self.check_crops()
        return self.backbone.image_size

    def check_crops(self) -> None:
        """Raise ConfigError for a CLIP that wants its images otherwise than as crops, as training makes them."""
        resize = self.backbone.resize
        if resize != Resize(resize.size):
            raise ConfigError(
                f"this CLIP squashes or pads its images, or resizes them by {resize.filter}, and training crops them:"
                " take another, or train on a shop's own products by `likebut tailor`"
            )
