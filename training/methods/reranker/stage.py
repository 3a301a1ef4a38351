"""One stage of a re-ranker: it learns which of a ranking's first candidates is the target."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows, Scores
from models.bundle import CANDIDATES
from models.nets.reranker import Reranker
from training.data.batch import CandidateBatch
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.reranker.candidates import DrawnCandidates
from training.methods.reranker.config import RerankingConfig
from training.metrics import reranking, retrieval

_EVALUATION_BATCH = 32


class RerankingStage:
    """Trains the re-ranker, and leaves the text tower as it is."""

    score = "recall_1"
    images = None  # the bundle's own statistics stay

    def __init__(self, config: RerankingConfig, *, net: Reranker, data: DrawnCandidates, world: World) -> None:
        """Raises ConfigError if the data has no whole batch, or if the batch does not divide among the ranks."""
        self.net = net
        self._data = data
        self._temperature = config.loss.temperature
        self._batch = config.loop.batch
        self._share = world.share(self._batch)
        self._device = world.device
        self.steps_per_epoch = frozen.steps(len(data), self._batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[CandidateBatch]:
        """Yield this rank's share of each global batch from number `start` on; a resumed run gets the same batches."""
        return self._data.batches(batch=self._batch, epoch=epoch, start=start, share=self._share)

    def embeddings(self, batch: CandidateBatch) -> dict[str, Tensor]:
        """Return `scores` (b, 1+K) with gradient, the target's first, and which of them are `satisfied`."""
        composed, candidates = batch.composed.float(), batch.candidates.float()
        scores = self.net(batch.reference.float(), batch.text, composed, candidates)
        return {"scores": scores.float(), "satisfied": batch.satisfied}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """−mean log softmax of score / temperature of the target; others that satisfy the text are no negatives."""
        return losses.first(embeddings["scores"], scale=1 / self._temperature, ignored=embeddings["satisfied"])

    def stepped(self, done: float) -> None:
        """Do nothing after a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the recall of the unseen triplets' targets after the first CANDIDATES of the ranking are re-ranked."""
        queries = self._data.validation
        gallery, composed = (halves.astype(np.float32) for halves in (queries.gallery, queries.composed))
        scores = composed @ gallery.T  # (Q, N)
        scores[np.arange(len(scores)), queries.references] = -np.inf
        rows = reranking.best_rows(scores, CANDIDATES)
        new = np.concatenate([self._scores(gallery, composed, rows, block) for block in _blocks(len(scores))])
        ranks = retrieval.first_ranks(reranking.rerank_scores(scores, rows, new), queries.satisfying)
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}

    def _scores(self, gallery: Scores, composed: Scores, rows: Rows, block: slice) -> Scores:
        """Return scores (b, K) of a block of the queries (Q, d) for their candidates, gallery `rows` (Q, K)."""
        queries = self._data.validation
        vectors = (gallery[queries.references[block]], queries.tokens[block], composed[block], gallery[rows[block]])
        scores: Tensor = self.net(*(torch.from_numpy(array).to(self._device) for array in vectors))
        return scores.float().cpu().numpy()


def _blocks(count: int) -> list[slice]:
    return [slice(start, start + _EVALUATION_BATCH) for start in range(0, count, _EVALUATION_BATCH)]
