"""Linear classifiers of a product's attributes on its image embedding: supervision that the drawn world gives for free.

What a linear classifier can read is what a search in the same space can tell apart.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.catalogue.world.attributes import ABSENT, VALUES

_OBVIOUS = ("category", "colour", "pattern")  # learnt long before the details


class AttributeHeads(nn.Module):
    """One classifier for each attribute, over its values in all categories."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.sizes = [len(values) for values in VALUES.values()]
        self.weights = [1.0 if name in _OBVIOUS else 2.0 for name in VALUES]
        self.linear = nn.Linear(dimension, sum(self.sizes))
        self.scale = dimension**0.5  # of a unit vector's components, which then have about length one

    def forward(self, embeddings: Tensor) -> Tensor:
        """L2-normalised embeddings (B, d) → scores of all values of all attributes, one after the other (B, V)."""
        scores: Tensor = self.linear(self.scale * embeddings)
        return scores

    def loss(self, scores: Tensor, codes: Tensor) -> Tensor:
        """Return the mean cross-entropy over all attributes that the products have, details counting twice.

        scores (B, V) as `forward` returns them, codes int64 (B, A) as `attributes.codes`.
        """
        parts = torch.split(scores.float(), self.sizes, dim=1)
        losses = [
            weight * F.cross_entropy(part, wanted, ignore_index=ABSENT, reduction="sum")
            for part, wanted, weight in zip(parts, codes.unbind(dim=1), self.weights, strict=True)
        ]
        return torch.stack(losses).sum() / (codes != ABSENT).sum()

    def right(self, scores: Tensor, codes: Tensor) -> Tensor:
        """Return which attributes are read right, bool (B, A); True for those that a product lacks."""
        parts = torch.split(scores, self.sizes, dim=1)
        found = torch.stack([part.argmax(dim=1) for part in parts], dim=1)  # (B, A)
        return (found == codes) | (codes == ABSENT)
