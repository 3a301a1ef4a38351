"""The first stage of the two-stage method: a picture becomes a pseudo-word that can stand among real words."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Rows
from models.nets.two_stage import TwoStage
from training.data.order import shuffled
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.two_stage.config import MappingConfig
from training.metrics import retrieval

_EVALUATION_BATCH = 256


class MappingData(Protocol):
    """Captioned pictures. A picture may come as pixels, or as what the frozen towers made of it; a caption likewise."""

    def __len__(self) -> int:
        """How many there are to train on."""

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[dict[str, Tensor]]:
        """For each of the orders its rows' `reference` view, `target` view and `caption`."""

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Pictures that are not trained on, as they are."""


class MappingStage:
    """Trains the token learner, the patch map and the injections on "a photo of *" (two-stage, A.2)."""

    score = "recall_1"

    def __init__(
        self,
        config: MappingConfig,
        *,
        seed: int,
        net: TwoStage,
        sentence: Tensor,
        slot: int,
        data: MappingData,
        world: World,
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`."""
        self.net = net.requires_grad_(False)
        for part in (net.learner, net.patches, net.injections):
            part.requires_grad_(True)
        net.drop_dead()  # it would get no gradient
        if not net.injections:
            net.patches.requires_grad_(False)
        self._config = config
        self._seed = seed
        self._data = data
        self._sentence = sentence.to(world.device)
        self._slot = slot
        self._device = world.device
        self._share = world.share(config.loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), config.loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = shuffled(len(self._data), batch=self._config.loop.batch, seed=self._seed, epoch=epoch)[start:]
        return self._data.batches([rows[self._share] for rows in orders], epoch=epoch)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`sentence` (b, d) with gradient; the frozen `reference`, `target` and `caption` (b, d)."""
        states = frozen.states(self.net.backbone, batch["reference"])  # (b, 1+N, d)
        return {
            "sentence": self._sentences(states),
            "reference": F.normalize(states[:, 0], dim=-1),
            "target": frozen.image(self.net.backbone, batch["target"]),
            "caption": frozen.text(self.net.backbone, batch["caption"]),
        }

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """L1 = NCE(v_tgt, t) + reference · NCE(v_ref, t) + soft · L_soft (two-stage, A.2)."""
        config = self._config.loss
        scale = 1 / config.temperature
        sentence = found["sentence"]
        loss = losses.symmetric_nce(found["target"], sentence, scale=scale)
        if config.reference:
            loss = loss + config.reference * losses.symmetric_nce(found["reference"], sentence, scale=scale)
        if config.soft:
            loss = loss + config.soft * losses.soft_alignment(found["caption"], found["target"], sentence, scale=scale)
        return loss

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """How often "a photo of *" finds its own picture among all unseen ones."""
        sentences, pictures = [], []
        for block in self._data.validation(batch=_EVALUATION_BATCH):
            states = frozen.states(self.net.backbone, block.to(self._device))
            sentences.append(self._sentences(states))
            pictures.append(F.normalize(states[:, 0], dim=-1))
        asked, there = torch.cat(sentences), torch.cat(pictures)  # (N, d)
        scores = (asked @ there.T).cpu().numpy()  # (N, N)
        ranks = retrieval.first_ranks(scores, [np.array([row]) for row in range(len(scores))])
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}

    def _sentences(self, states: Tensor) -> Tensor:
        tokens = self._sentence.expand(len(states), -1)
        return self.net.compose(self.net.reference(states), tokens, slot=self._slot, adapted=False)
