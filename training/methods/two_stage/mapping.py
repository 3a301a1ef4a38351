"""First stage of the two-stage method: an image becomes a pseudo-word that can stand among real words."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.two_stage import TwoStage
from training.data.batch import CaptionedBatch
from training.data.datasets import EpochDataset
from training.data.order import shuffled
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.two_stage.config import MappingConfig
from training.metrics import retrieval

_EVALUATION_BATCH = 256


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
        data: EpochDataset[CaptionedBatch],
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

    def batches(self, epoch: int, *, start: int) -> Iterator[CaptionedBatch]:
        """Yield this rank's rows of each global batch from number `start` on; a resumed run gets the same batches."""
        orders = shuffled(len(self._data), batch=self._config.loop.batch, seed=self._seed, epoch=epoch)[start:]
        return self._data.batches([rows[self._share] for rows in orders], epoch=epoch)

    def embeddings(self, batch: CaptionedBatch) -> dict[str, Tensor]:
        """Return `sentence` (b, d) with gradient, and the frozen `reference`, `target` and `caption` (b, d)."""
        states = frozen.states(self.net.backbone, batch.reference)  # (b, 1+N, d)
        return {
            "sentence": self._sentences(states),
            "reference": F.normalize(states[:, 0], dim=-1),
            "target": frozen.image(self.net.backbone, batch.target),
            "caption": frozen.text(self.net.backbone, batch.caption),
        }

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """L1 = NCE(v_tgt, t) + reference · NCE(v_ref, t) + soft · L_soft (two-stage, A.2)."""
        config = self._config.loss
        scale = 1 / config.temperature
        sentence = embeddings["sentence"]
        loss = losses.symmetric_nce(embeddings["target"], sentence, scale=scale)
        if config.reference:
            loss = loss + config.reference * losses.symmetric_nce(embeddings["reference"], sentence, scale=scale)
        if config.soft:
            loss = loss + config.soft * losses.soft_alignment(
                embeddings["caption"], embeddings["target"], sentence, scale=scale
            )
        return loss

    def stepped(self, done: float) -> None:
        """Do nothing after a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return how often "a photo of *" finds its own image among all unseen ones."""
        sentences, images = [], []
        for block in self._data.validation(batch=_EVALUATION_BATCH):
            states = frozen.states(self.net.backbone, block.to(self._device))
            sentences.append(self._sentences(states))
            images.append(F.normalize(states[:, 0], dim=-1))
        scores = (torch.cat(sentences) @ torch.cat(images).T).cpu().numpy()  # (N, N)
        ranks = retrieval.first_ranks(scores, [np.array([row]) for row in range(len(scores))])
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}

    def _sentences(self, states: Tensor) -> Tensor:
        tokens = self._sentence.expand(len(states), -1)
        return self.net.compose(self.net.reference(states), tokens, slot=self._slot, adapted=False)
