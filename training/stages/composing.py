"""The second stage of the two-stage method: the text tower learns to compose the pseudo-word with the wanted change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.two_stage import Reference, TwoStage
from training import losses
from training.evaluation import metrics
from training.evaluation.metrics import Rows
from training.ranks import World
from training.settings.two_stage import ComposingConfig
from training.stages import frozen

_EVALUATION_BATCH = 256
_GROUPS = 4


@dataclass(frozen=True, slots=True)
class Questions:
    """Unseen triplets: for each a picture of the gallery, a text, and the pictures that satisfy it."""

    references: Rows  # (Q,), rows of the gallery; never ranked themselves
    texts: Tensor  # (Q, L), token ids of the template with the wanted changes
    relevant: Sequence[Rows]  # Q × (R,), rows of the gallery

    def recalls(self, queries: Tensor, gallery: Tensor) -> dict[str, float]:
        """recall_1 and recall_10 of the questions' vectors (Q, d) among the gallery's (N, d), all L2-normalised."""
        scores = (queries @ gallery.T).cpu().numpy()  # (Q, N)
        scores[np.arange(len(scores)), self.references] = -np.inf
        ranks = metrics.first_ranks(scores, self.relevant)
        return {f"recall_{k}": metrics.recall(ranks, k) for k in (1, 10)}


class Data(Protocol):
    """Triplets. A picture or text may come as pixels or ids, or as what the frozen parts of the net made of it."""

    def __len__(self) -> int:
        """How many there are to train on."""

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """The rows of each global batch of an epoch."""

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """For each of the orders the `share` of its rows: what `Composing.embeddings` takes."""

    @property
    def questions(self) -> Questions:
        """What validation asks."""

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """The pictures that the questions' rows name."""


class Composing:
    """Trains the composing adapters alone, or every added module (two-stage, A.3)."""

    score = "recall_1"

    def __init__(
        self, config: ComposingConfig, *, net: TwoStage, sentence: Tensor, slot: int, data: Data, world: World
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`, as in all the texts."""
        self.net = net.requires_grad_(False)
        net.drop_dead()
        net.adapters.requires_grad_(True)
        if config.learns == "everything":
            for part in (net.learner, net.patches, net.injections):
                part.requires_grad_(True)
        self._config = config
        self._data = data
        self._sentence = sentence.to(world.device)
        self._slot = slot
        self._device = world.device
        self._share = world.share(config.loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), config.loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = self._data.orders(batch=self._config.loop.batch, epoch=epoch)[start:]
        return self._data.batches(orders, epoch=epoch, share=self._share)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` and `sentence` (b, d) with gradient; the frozen `reference`, `target` and `caption` (b, d).

        `batch` has `reference`, `target`, `text`, `caption`; instead of the first it may have `word` and `regions` with
        `reference` as a vector. `picture` (b,) numbers the references, `satisfied` (b, M) says which targets also
        satisfy a row's text; where the data does not say, all others are negatives.
        """
        if "word" in batch:
            reference = Reference(batch["word"].float(), batch["regions"].float())
            seen = frozen.image(self.net.backbone, batch["reference"])
        else:
            states = frozen.states(self.net.backbone, batch["reference"])
            reference, seen = self.net.reference(states), F.normalize(states[:, 0], dim=-1)
        sentence = self._sentence.expand(len(seen), -1)
        found = {
            "composed": self._composed(reference, batch["text"]),
            "sentence": self.net.compose(reference, sentence, slot=self._slot),
            "reference": seen,
            "target": frozen.image(self.net.backbone, batch["target"]),
            "caption": frozen.text(self.net.backbone, batch["caption"]),
        }
        return found | {name: batch[name] for name in ("picture", "satisfied") if name in batch}

    def _composed(self, reference: Reference, texts: Tensor) -> Tensor:
        """The queries (b, d), computed in a few groups of texts of like length: half of a mixed batch is padding."""
        ends = self.net.backbone.ends(texts)  # (b,)
        groups = ends.argsort(stable=True).tensor_split(_GROUPS)
        parts = [
            self.net.compose(
                Reference(reference.word[rows], reference.regions[rows]),
                texts[rows, : int(ends[rows].max()) + 1],
                slot=self._slot,
            )
            for rows in groups
            if len(rows)
        ]
        return torch.cat(parts)[torch.cat(groups).argsort()]

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """L2 = ½ (CE(v_tgt → t_c) + L_hard) + mapping · NCE(v_ref, t_map) + soft · L_soft (two-stage, A.3).

        The teacher of L_soft is v_ref, whose caption it is; the authors' release takes v_tgt. Two rows with the same
        reference are no negatives of each other in the mapping loss.
        """
        config = self._config.loss
        scale = 1 / config.temperature
        loss = losses.composing(
            found["composed"],
            found["target"],
            scale=scale,
            mixed=config.mixed,
            mixed_scale=scale if config.mixed_logit_scale == "tau" else 1.0,
            cap=config.mixed_cap,
            ignored=found.get("satisfied") if config.satisfied else None,
        )
        if config.mapping:
            same = None
            if "picture" in found:
                same = (found["picture"][:, None] == found["picture"]).fill_diagonal_(False)  # (M, M)
            term = losses.symmetric_nce(found["reference"], found["sentence"], scale=scale, ignored=same)
            loss = loss + config.mapping * term
        if config.soft:
            term = losses.soft_alignment(found["caption"], found["reference"], found["sentence"], scale=scale)
            loss = loss + config.soft * term
        return loss

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        asked = self._data.questions
        gallery, words, regions = [], [], []
        for block in self._data.gallery(batch=_EVALUATION_BATCH):
            states = frozen.states(self.net.backbone, block.to(self._device))
            reference = self.net.reference(states)
            gallery.append(F.normalize(states[:, 0], dim=-1))
            words.append(reference.word)
            regions.append(reference.regions.half())
        whole = Reference(torch.cat(words), torch.cat(regions))
        queries = []
        for start in range(0, len(asked.references), _EVALUATION_BATCH):
            rows = torch.from_numpy(asked.references[start : start + _EVALUATION_BATCH]).to(self._device)
            texts = asked.texts[start : start + _EVALUATION_BATCH].to(self._device)
            reference = Reference(whole.word[rows], whole.regions[rows].float())
            queries.append(self.net.compose(reference, texts, slot=self._slot))
        return asked.recalls(torch.cat(queries), torch.cat(gallery))
