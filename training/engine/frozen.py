"""What the frozen CLIP makes of a batch: computed here from pixels or token ids, or handed on where it already was."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import ConfigError
from models.nets.backbone import Backbone


@torch.no_grad()
def states(backbone: Backbone, pictures: Tensor) -> Tensor:
    """Pixels uint8 (B, 3, S, S), or image states of any float (B, 1+N, d) → image states float32 (B, 1+N, d)."""
    return backbone.image_states(pictures).float() if pictures.dtype == torch.uint8 else pictures.float()


@torch.no_grad()
def image(backbone: Backbone, pictures: Tensor) -> Tensor:
    """Pixels uint8 (B, 3, S, S), or vectors of any length (B, d) → L2-normalised embedding (B, d)."""
    if pictures.dtype == torch.uint8:
        return backbone.image(pictures).float()
    return F.normalize(pictures.float(), dim=-1)


@torch.no_grad()
def embedding(backbone: Backbone, pictures: Tensor) -> Tensor:
    """Pixels uint8 (B, 3, S, S), image states (B, 1+N, d) or embeddings (B, d) → embedding at its own length (B, d)."""
    if pictures.ndim == 2:
        return pictures.float()
    return states(backbone, pictures)[:, 0]


@torch.no_grad()
def text(backbone: Backbone, texts: Tensor) -> Tensor:
    """Token ids int64 (B, L), or vectors of any length (B, d) → L2-normalised embedding (B, d)."""
    if texts.dtype == torch.int64:
        return backbone.text(texts).float()
    return F.normalize(texts.float(), dim=-1)


def steps(rows: int, batch: int) -> int:
    """Whole batches in one pass over so many rows; raises ConfigError where there is none."""
    if rows < batch:
        raise ConfigError(f"a batch of {batch} is more than the {rows} rows to train on: lower loop.batch")
    return rows // batch
