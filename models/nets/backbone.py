"""An open_clip model, wrapped: pixels and token ids in, embeddings out, its blocks within reach."""

from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP
from open_clip.pretrained import get_pretrained_cfg
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ConfigError

OWN_CONFIGS = Path(__file__).parent  # clip-small.json, in open_clip's own form


class Backbone(nn.Module):
    """CLIP with the mean and standard deviation inside, so that nobody outside can forget them.

    Any open_clip model of its `CLIP` class with a ViT image tower (ViT-B/32, ViT-L/14, ours …). `clip.visual` and
    `clip.transformer` are open_clip's own modules.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, clip: CLIP, *, mean: tuple[float, ...], std: tuple[float, ...], end: int) -> None:
        super().__init__()
        self.clip = clip
        self.end = end  # id of the end token
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255.0, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255.0, persistent=False)

    @classmethod
    def create(cls, name: str, *, pretrained: str, end: int) -> "Backbone":
        """Builds the open_clip model `name` with the weights `pretrained`: one of its tags, a file, or "" for random.

        Raises ConfigError for a name or tag that open_clip does not know, and for a model with other towers.
        """
        open_clip.add_model_config(OWN_CONFIGS)
        if name not in open_clip.list_models():
            raise ConfigError(f"open_clip knows no model {name!r}: see open_clip.list_models()")
        if (
            pretrained
            and not Path(pretrained).is_file()
            and pretrained not in open_clip.list_pretrained_tags_by_model(name)
        ):
            raise ConfigError(f"{pretrained!r} is neither a file nor a tag of open_clip's {name}")
        facts = get_pretrained_cfg(name, pretrained) if pretrained else {}
        if facts.get("quick_gelu") and not (open_clip.get_model_config(name) or {}).get("quick_gelu"):
            # open_clip would only warn, and compute with the wrong activation
            raise ConfigError(f"the weights {pretrained} need the quickgelu model: use {name}-quickgelu")
        if facts.get("resize_mode", "shortest") != "shortest" or facts.get("interpolation", "bicubic") != "bicubic":
            raise ConfigError(f"the weights {pretrained} of {name} want another preprocessing than a bundle's")
        try:
            clip = open_clip.create_model(name, pretrained=pretrained or None)
        except (RuntimeError, OSError, KeyError, AssertionError) as error:  # open_clip asserts on widths
            raise ConfigError(f"the weights {pretrained!r} do not load into {name}: {error}") from error
        if not isinstance(clip, CLIP) or not isinstance(clip.visual, VisionTransformer):
            raise ConfigError(f"{name} is not a CLIP with a ViT image tower")
        mean = facts.get("mean") or open_clip.OPENAI_DATASET_MEAN
        std = facts.get("std") or open_clip.OPENAI_DATASET_STD
        return cls(clip, mean=tuple(mean), std=tuple(std), end=end)

    @property
    def dimension(self) -> int:
        """d, the width of an embedding."""
        return int(self.clip.visual.output_dim)

    @property
    def image_size(self) -> int:
        """S, the side of the square of pixels."""
        return int(self.clip.visual.image_size[0])

    @property
    def context_length(self) -> int:
        """L, the longest text in tokens."""
        return int(self.clip.context_length)

    def normal_pixels(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) as the image tower wants it, float (B, 3, S, S)."""
        return (pixels.float() - self.mean) / self.std

    def image(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, S, S) → L2-normalised embedding (B, d)."""
        return F.normalize(self.clip.visual(self.normal_pixels(pixels)), dim=-1)

    def text_states(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L), or fewer columns than the context → states after the final norm (B, L, D)."""
        length = tokens.shape[1]
        states = self.clip.token_embedding(tokens) + self.clip.positional_embedding[:length]  # (B, L, D)
        states = self.clip.transformer(states, attn_mask=self.clip.attn_mask[:length, :length])
        final: Tensor = self.clip.ln_final(states)
        return final

    def text(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L), or fewer columns than the context → L2-normalised embedding (B, d)."""
        states = self.text_states(tokens)  # (B, L, D)
        last = (tokens == self.end).int().argmax(dim=1)  # (B,): the first end token
        rows = torch.arange(tokens.shape[0], device=tokens.device)  # not len(), which would fix B in an export
        projection: Tensor = self.clip.text_projection  # (D, d)
        return F.normalize(states[rows, last] @ projection, dim=-1)

    def temperature(self) -> Tensor:
        """The factor on cosine similarities, at most 100 as in CLIP."""
        scale: Tensor = self.clip.logit_scale
        return scale.exp().clamp(max=100.0)
