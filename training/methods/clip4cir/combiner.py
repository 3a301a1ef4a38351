"""The one stage of CLIP4Cir's second half: the combiner learns from triplets, over a frozen CLIP."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.clip4cir import Clip4Cir
from training.engine import frozen
from training.engine.distributed import World
from training.methods.clip4cir.config import CombinerConfig
from training.methods.from_triplets import ComposingData, Contrasting


class CombinerStage(Contrasting):
    """Trains all but CLIP."""

    def __init__(self, config: CombinerConfig, *, net: Clip4Cir, data: ComposingData, world: World) -> None:
        super().__init__(data, loss=config.loss, loop=config.loop, world=world)
        self.net = net

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` with gradient and the frozen `target` (b, d)."""
        seen = frozen.embedding(self.net.backbone, batch["reference"])
        return self._known(batch) | {
            "composed": self.net.compose(seen, batch["text"]),
            "target": frozen.image(self.net.backbone, batch["target"]),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        blocks = (block.to(self._device) for block in self._gallery())
        seen = torch.cat([frozen.embedding(self.net.backbone, block) for block in blocks])
        queries = [self.net.compose(seen[rows], texts) for rows, texts in self._questions()]
        return self._data.questions.recalls(torch.cat(queries), F.normalize(seen, dim=-1))
