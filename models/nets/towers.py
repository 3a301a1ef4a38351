"""The plain image and text towers of any open_clip model: all that a weighted sum needs of it."""

from collections.abc import Mapping

import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.utils import to_2tuple
from torch import Tensor, nn
from torch.nn import functional as F

from models.preprocess import Filter, Mode, Resize

PIXELS = ("mean", "std")  # the buffers that are no weights


class Towers(nn.Module):
    """An open_clip model with its preprocessing inside, so that no caller can forget it: mean, deviation and resize."""

    mean: Tensor
    std: Tensor
    cuts_texts = False  # whether it takes texts of fewer tokens than its context

    def __init__(
        self,
        clip: CLIP | CustomTextCLIP,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        context_length: int,
        mode: Mode = "crop",
        filter: Filter = "bicubic",
        fill: int = 0,
    ) -> None:
        super().__init__()
        self.clip = clip
        self.context_length = context_length  # L, the longest text in tokens
        self.resize = Resize(int(to_2tuple(clip.visual.image_size)[0]), mode=mode, filter=filter, fill=fill)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255.0, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255.0, persistent=False)

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Load weights, with the mean and the deviation that belong to them if the state has some."""
        for name, buffer in self.named_buffers(recurse=False):
            if name in state:
                buffer.copy_(state[name])
        self.load_state_dict({name: value for name, value in state.items() if name not in PIXELS})

    @property
    def image_size(self) -> int:
        """S, the side of the square of pixels."""
        return self.resize.size

    def normal_pixels(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) normalised for the image tower, float (B, 3, S, S)."""
        return (pixels.float() - self.mean) / self.std

    def image(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, S, S) → L2-normalised embedding (B, d)."""
        return F.normalize(self.clip.encode_image(self.normal_pixels(pixels)), dim=-1)

    def text(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) → L2-normalised embedding (B, d)."""
        return F.normalize(self.clip.encode_text(tokens), dim=-1)
