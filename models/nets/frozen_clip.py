"""Base of the nets whose CLIP is frozen, so that their gallery is CLIP's plain image embedding."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from models.nets.backbone import Backbone


class FrozenClipHead(nn.Module, ABC):
    """A head over a frozen CLIP; a subclass adds the head and `compose`."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)

    @abstractmethod
    def compose(self, image: Tensor, tokens: Tensor) -> Tensor:
        """Return unit queries (B, d) of image features and token ids (B, L); a subclass says which features."""
