"""Outputs of a frozen CLIP: computed from pixels or token ids, or passed on if they were computed before."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import ConfigError
from models.nets.backbone import Backbone


@torch.no_grad()
def states(backbone: Backbone, images: Tensor) -> Tensor:
    """Return image states float32 (B, 1+N, d) of pixels uint8 (B, 3, S, S), or of states in any float type."""
    return backbone.image_states(images).float() if images.dtype == torch.uint8 else images.float()


@torch.no_grad()
def image(backbone: Backbone, images: Tensor) -> Tensor:
    """Return L2-normalised embeddings (B, d) of pixels uint8 (B, 3, S, S), or of vectors (B, d) of any length."""
    if images.dtype == torch.uint8:
        return backbone.image(images).float()
    return F.normalize(images.float(), dim=-1)


@torch.no_grad()
def embedding(backbone: Backbone, images: Tensor) -> Tensor:
    """Return embeddings (B, d) at their own length, of pixels uint8, of image states (B, 1+N, d) or of embeddings."""
    if images.ndim == 2:
        return images.float()
    return states(backbone, images)[:, 0]


@torch.no_grad()
def text(backbone: Backbone, texts: Tensor) -> Tensor:
    """Return L2-normalised embeddings (B, d) of token ids int64 (B, L), or of vectors (B, d) of any length."""
    if texts.dtype == torch.int64:
        return backbone.text(texts).float()
    return F.normalize(texts.float(), dim=-1)


def steps(rows: int, batch: int) -> int:
    """Return the number of whole batches in `rows`; raises ConfigError if there is none."""
    if rows < batch:
        raise ConfigError(f"a batch of {batch} is more than the {rows} rows to train on: lower loop.batch")
    return rows // batch
