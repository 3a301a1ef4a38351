"""The one stage of the baseline TransAgg: its head learns from triplets, over a frozen CLIP."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.transagg import TransAgg
from training import losses
from training.ranks import World
from training.settings.transagg import AggregatingConfig
from training.stages import frozen
from training.stages.composing import Data

_EVALUATION_BATCH = 256


class Aggregating:
    """Trains all but CLIP."""

    score = "recall_1"

    def __init__(self, config: AggregatingConfig, *, net: TransAgg, data: Data, world: World) -> None:
        self.net = net
        self._loss = config.loss
        self._batch = config.loop.batch
        self._data = data
        self._device = world.device
        self._share = world.share(config.loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), config.loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = self._data.orders(batch=self._batch, epoch=epoch)[start:]
        return self._data.batches(orders, epoch=epoch, share=self._share)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` with gradient and the frozen `target` (b, d).

        `batch` has `reference` and `target`, as pixels or as what the frozen tower made of them, `text`, and where the
        data says it `satisfied` (b, M): which targets also satisfy a row's text.
        """
        found = {
            "composed": self.net.compose(frozen.states(self.net.backbone, batch["reference"]), batch["text"]),
            "target": frozen.image(self.net.backbone, batch["target"]),
        }
        return found | {name: batch[name] for name in ("satisfied",) if name in batch}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """−mean log softmax of cos(query, target) / temperature over the batch's targets (TransAgg, Sec. 3.3)."""
        ignored = found.get("satisfied") if self._loss.satisfied else None
        return losses.nce(found["composed"], found["target"], scale=1 / self._loss.temperature, ignored=ignored)

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        asked = self._data.questions
        blocks = self._data.gallery(batch=_EVALUATION_BATCH)
        states = torch.cat([frozen.states(self.net.backbone, block.to(self._device)).half() for block in blocks])
        queries = []
        for start in range(0, len(asked.references), _EVALUATION_BATCH):
            rows = torch.from_numpy(asked.references[start : start + _EVALUATION_BATCH]).to(self._device)
            texts = asked.texts[start : start + _EVALUATION_BATCH].to(self._device)
            queries.append(self.net.compose(states[rows].float(), texts))
        return asked.recalls(torch.cat(queries), F.normalize(states[:, 0].float(), dim=-1))
