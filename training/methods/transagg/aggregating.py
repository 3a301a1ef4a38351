"""The one stage of the baseline TransAgg: its head learns from triplets, over a frozen CLIP."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.transagg import TransAgg
from training.engine import frozen
from training.engine.distributed import World
from training.methods.from_triplets import ComposingData, Contrasting
from training.methods.transagg.config import AggregatingConfig


class AggregatingStage(Contrasting):
    """Trains all but CLIP."""

    def __init__(self, config: AggregatingConfig, *, net: TransAgg, data: ComposingData, world: World) -> None:
        super().__init__(data, loss=config.loss, loop=config.loop, world=world)
        self.net = net

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` with gradient and the frozen `target` (b, d).

        `batch` has the pictures as pixels, or as what the frozen tower made of them.
        """
        return self._known(batch) | {
            "composed": self.net.compose(frozen.states(self.net.backbone, batch["reference"]), batch["text"]),
            "target": frozen.image(self.net.backbone, batch["target"]),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        blocks = (block.to(self._device) for block in self._gallery())
        states = torch.cat([frozen.states(self.net.backbone, block).half() for block in blocks])
        queries = [self.net.compose(states[rows].float(), texts) for rows, texts in self._questions()]
        return self._data.questions.recalls(torch.cat(queries), F.normalize(states[:, 0].float(), dim=-1))
