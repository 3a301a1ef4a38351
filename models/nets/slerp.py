"""Slerp, a baseline without training: the composed query lies on the arc between the image and the text.

Jang et al., "Spherical Linear Interpolation and Text-Anchoring for Zero-shot Composed Image Retrieval", ECCV 2024,
arXiv 2405.00571; the interpolation alone, without their text-anchored tuning of the image tower. CLIP is never changed,
so the gallery is its plain image embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PARALLEL = 1e-3  # of the sine of the angle, below which the arc's weights are nothing divided by nothing


def slerp(image: Tensor, text: Tensor, *, share: float) -> Tensor:
    """Unit vectors (B, d) → those at `share` of the arc from `image` to `text` (B, d).

    Where the two are nearly parallel, or opposite so that no one arc joins them, on the straight line instead.
    """
    cosine = (image * text).sum(dim=-1, keepdim=True).clamp(-1.0, 1.0)  # rounding may pass 1, which has no arccos
    angle = torch.arccos(cosine)  # (B, 1)
    sine = torch.sin(angle)
    bent = sine > _PARALLEL
    whole = torch.where(bent, sine, torch.ones_like(sine))
    rest, part = torch.sin((1.0 - share) * angle) / whole, torch.sin(share * angle) / whole
    arc = rest * image + part * text
    return F.normalize(torch.where(bent, arc, (1.0 - share) * image + share * text), dim=-1)


class SlerpGraph(nn.Module):
    """image (B, d), text (B, d) → composed (B, d)."""

    def __init__(self, *, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        return slerp(image, text, share=self.share)
