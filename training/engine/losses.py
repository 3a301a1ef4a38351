"""Losses on tensors; none knows a model."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def nce(queries: Tensor, targets: Tensor, *, scale: Tensor | float, ignored: Tensor | None = None) -> Tensor:
    """The mean cross-entropy of each query's own target among all targets.

    queries, targets (B, d), L2-normalised, row i of one belonging to row i of the other; `scale` and `ignored` as in
    `symmetric_nce`. InstructCIR, Eq. 2.
    """
    scores = _scores(queries, targets, scale=scale, ignored=ignored)  # (B, B)
    return F.cross_entropy(scores, torch.arange(len(queries), device=queries.device))


def symmetric_nce(left: Tensor, right: Tensor, *, scale: Tensor | float, ignored: Tensor | None = None) -> Tensor:
    """The mean over both directions of the cross-entropy of each row's own partner among all partners.

    left, right (B, d), L2-normalised, row i of one belonging to row i of the other; `scale` is 1/τ; `ignored` (B, B),
    False on its diagonal, marks pairs that are no negatives. CLIP (Radford et al., 2021, Fig. 3): NCE(A, B).
    """
    scores = _scores(left, right, scale=scale, ignored=ignored)  # (B, B)
    own = torch.arange(len(left), device=left.device)  # (B,)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def first(scores: Tensor, *, scale: float, ignored: Tensor) -> Tensor:
    """The mean cross-entropy of each row's first score among all its scores (B, 1+K) times `scale`.

    `ignored` (B, 1+K), False in its first column, marks scores that are no negatives.
    """
    logits = (scale * scores.float()).masked_fill(ignored, float("-inf"))
    return F.cross_entropy(logits, torch.zeros(len(scores), dtype=torch.int64, device=scores.device))


def ranked(queries: Tensor, gallery: Tensor, grades: Tensor, *, scale: float, weights: Sequence[float]) -> Tensor:
    """The sum over grades g, times weights[g], of the cross-entropy of each item of grade g among it and all worse.

    queries (B, d) and gallery (S, d), L2-normalised; `grades` (B, S) integers, 0 the best. The mean over a query's
    items of the grade, then over the queries that have one; better items are no negatives. Ranking Info Noise
    Contrastive Estimation (Hoffmann et al., 2022), "out".
    """
    scores = _scores(queries, gallery, scale=scale)  # (B, S)
    loss, lowest = scores.new_zeros(()), torch.finfo(scores.dtype).min  # −∞ has no gradient if nothing is worse
    for grade, weight in enumerate(weights):
        worse = scores.masked_fill(grades <= grade, lowest).logsumexp(dim=1, keepdim=True)  # (B, 1)
        own = grades == grade  # (B, S)
        count = own.sum(dim=1)  # (B,)
        each = F.softplus(worse - scores).masked_fill(~own, 0).sum(dim=1) / count.clamp(min=1)
        loss = loss + weight * each.sum() / (count > 0).sum().clamp(min=1)
    return loss


def soft_alignment(captions: Tensor, teacher: Tensor, student: Tensor, *, scale: float) -> Tensor:
    """KL(Q ‖ Π): pseudo-sentences should relate to real captions as the images do (two-stage, L_soft).

    captions, teacher (the images), student (the pseudo-sentences) (B, d), L2-normalised, row i of each belonging
    together. Q_i = softmax of caption i to all images, Π_i to all pseudo-sentences, both at `scale` = 1/τ; the mean
    over captions. No gradient reaches Q.
    """
    target = F.log_softmax(_scores(captions, teacher, scale=scale), dim=1).detach()  # (B, B)
    found = F.log_softmax(_scores(captions, student, scale=scale), dim=1)  # (B, B)
    return F.kl_div(found, target, reduction="batchmean", log_target=True)


def agreement(words: Tensor, targets: Tensor, *, scale: float) -> Tensor:
    """The cross-entropy of each vector's own partner among all other vectors of both sides, in both directions.

    words, targets (B, d) of any length, row i of one belongs to row i of the other; `scale` is 1/τ. SEARLE's L_distil,
    as in SimCLR (Chen et al., 2020, Eq. 1).
    """
    size = len(words)
    both = torch.cat([F.normalize(words.float(), dim=1), F.normalize(targets.float(), dim=1)])  # (2B, d)
    itself = torch.eye(2 * size, dtype=torch.bool, device=both.device)
    scores = _scores(both, both, scale=scale, ignored=itself)  # (2B, 2B)
    partner = torch.arange(2 * size, device=both.device).roll(size)  # (2B,)
    return F.cross_entropy(scores, partner)


def composing(
    queries: Tensor,
    targets: Tensor,
    *,
    scale: float,
    mixed: int,
    mixed_scale: float,
    cap: float,
    ignored: Tensor | None = None,
) -> Tensor:
    """½ (CE(targets → queries) + L_hard), the composing loss of the two-stage method's second stage.

    queries, targets (B, d), L2-normalised; `ignored` as in `symmetric_nce`. L_hard is the cross-entropy over
    `hard_logits`; with `mixed` 0 it is the plain one.
    """
    scores = _scores(queries, targets, scale=scale, ignored=ignored)  # (B, B)
    own = torch.arange(len(queries), device=queries.device)  # (B,)
    hard = hard_logits(scores, queries, targets, mixed=mixed, mixed_scale=mixed_scale, cap=cap)
    return (F.cross_entropy(scores.T, own) + F.cross_entropy(hard, own)) / 2


def hard_logits(
    scores: Tensor, queries: Tensor, targets: Tensor, *, mixed: int, mixed_scale: float, cap: float
) -> Tensor:
    """The scores (B, B) with k more columns: each query's hardest negatives, mixed with its own target (B, B+k).

    m_ij = S̃_ij v_i + (1 − S̃_ij) v_j for the k = `mixed` hardest j ≠ i (fewer in a small batch). S̃ is the targets'
    similarity, scaled to 0…1 in each row and cut at `cap`: at 1 a negative would be the positive itself. Negatives that
    `scores` has at −∞ stay there. `mixed_scale` is 1/τ for the new columns; the authors' release has 1.
    """
    size = len(queries)
    count = min(mixed, size - 1)
    if count <= 0:
        return scores
    own = torch.eye(size, dtype=torch.bool, device=scores.device)
    hardest = scores.detach().masked_fill(own, float("-inf")).topk(count, dim=1)  # (B, k)
    with torch.autocast(queries.device.type, enabled=False):
        queries, targets = queries.float(), targets.float()
        alike = (targets @ targets.T).detach()  # (B, B)
        low, high = alike.amin(dim=1, keepdim=True), alike.amax(dim=1, keepdim=True)
        share = ((alike - low) / (high - low).clamp(min=1e-6)).clamp(max=cap)
        share = share.gather(1, hardest.indices)[..., None]  # (B, k, 1)
        mixture = share * targets[:, None] + (1 - share) * targets[hardest.indices]  # (B, k, d)
        logits = mixed_scale * (mixture @ queries[..., None])[..., 0]  # (B, k)
    return torch.cat([scores, logits.masked_fill(hardest.values.isneginf(), float("-inf"))], dim=1)


def _scores(left: Tensor, right: Tensor, *, scale: Tensor | float, ignored: Tensor | None = None) -> Tensor:
    """Every row of one to every row of the other (B, B)."""
    with torch.autocast(left.device.type, enabled=False):  # bfloat16 would round scores near 1/τ to halves
        scores = scale * left.float() @ right.float().T
    return scores if ignored is None else scores.masked_fill(ignored, float("-inf"))
