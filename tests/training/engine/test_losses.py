"""Losses against plain loops written from their formulas."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from training.engine.losses import agreement, composing, hard_logits, ranked, soft_alignment, symmetric_nce

SCALE = 7.0


def test_symmetric_nce_equals_a_loop_over_its_formula() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 8), dim=1), F.normalize(torch.randn(6, 8), dim=1)
    scale, total = 7.0, 0.0
    for i in range(6):
        forward = [math.exp(scale * float(left[i] @ right[j])) for j in range(6)]
        backward = [math.exp(scale * float(left[j] @ right[i])) for j in range(6)]
        total -= math.log(forward[i] / sum(forward)) + math.log(backward[i] / sum(backward))
    ours = symmetric_nce(left, right, scale=torch.tensor(scale))
    assert abs(float(ours) - total / 12) < 1e-5


def test_pairs_that_are_ignored_are_in_neither_sum() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 8), dim=1), F.normalize(torch.randn(6, 8), dim=1)
    ignored = (torch.rand(6, 6) < 0.3).fill_diagonal_(False)
    scale, total = 7.0, 0.0
    for i in range(6):
        forward = [math.exp(scale * float(left[i] @ right[j])) for j in range(6) if not ignored[i, j]]
        backward = [math.exp(scale * float(left[j] @ right[i])) for j in range(6) if not ignored[j, i]]
        own = math.exp(scale * float(left[i] @ right[i]))
        total -= math.log(own / sum(forward)) + math.log(own / sum(backward))
    ours = symmetric_nce(left, right, scale=torch.tensor(scale), ignored=ignored)
    assert abs(float(ours) - total / 12) < 1e-5
    assert not torch.allclose(ours, symmetric_nce(left, right, scale=torch.tensor(scale)))


def test_the_order_of_a_whole_gallery_equals_a_loop_over_its_formula() -> None:
    torch.manual_seed(0)
    queries, gallery = F.normalize(torch.randn(3, 8), dim=1), F.normalize(torch.randn(9, 8), dim=1)
    misses = torch.tensor([[0, 1, 3, 3, 0, 2, 1, 3, 3], [0, 3, 3, 3, 2, 3, 3, 3, 3], [1, 1, 0, 3, 3, 3, 3, 2, 3]])
    weights, total = (1.0, 0.5), 0.0
    for level, weight in enumerate(weights):
        each = []
        for i in range(3):
            scores = [math.exp(SCALE * float(queries[i] @ gallery[j])) for j in range(9)]
            worse = sum(score for score, count in zip(scores, misses[i], strict=True) if count > level)
            own = [score for score, count in zip(scores, misses[i], strict=True) if count == level]
            if own:  # the second query has nothing with one miss
                each.append(sum(-math.log(score / (score + worse)) for score in own) / len(own))
        total += weight * sum(each) / len(each)
    assert abs(float(ranked(queries, gallery, misses, scale=SCALE, weights=weights)) - total) < 1e-5


def test_a_gallery_in_which_everything_satisfies_has_no_order_to_learn() -> None:
    same = F.normalize(torch.randn(2, 8), dim=1)
    assert float(ranked(same, same, torch.zeros(2, 2, dtype=torch.int16), scale=SCALE, weights=(1.0, 1.0))) == 0


def test_the_scores_are_float32_under_autocast() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 64), dim=1), F.normalize(torch.randn(6, 64), dim=1)
    expected = symmetric_nce(left, right, scale=torch.tensor(100.0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(symmetric_nce(left, right, scale=torch.tensor(100.0)), expected)


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def entropy(scores: list[float], own: int) -> float:
    """The cross-entropy of place `own`, −∞ and all."""
    return -math.log(math.exp(scores[own]) / sum(math.exp(score) for score in scores))


def naive_hard(
    queries: Tensor, targets: Tensor, *, mixed: int, mixed_scale: float, cap: float, ignored: Tensor
) -> tuple[list[list[float]], list[list[int]]]:
    """Each query's logits and which of the others it mined."""
    size = len(queries)
    rows, mined = [], []
    for i in range(size):
        z = [-math.inf if ignored[i, j] else SCALE * float(queries[i] @ targets[j]) for j in range(size)]
        hardest = sorted((j for j in range(size) if j != i), key=lambda j: -z[j])[:mixed]
        alike = [float(targets[i] @ targets[j]) for j in range(size)]
        logits = list(z)
        for j in hardest:
            share = min(cap, (alike[j] - min(alike)) / (max(alike) - min(alike)))
            mixture = share * targets[i] + (1 - share) * targets[j]
            logits.append(-math.inf if ignored[i, j] else mixed_scale * float(queries[i] @ mixture))
        rows.append(logits)
        mined.append(hardest)
    return rows, mined


def some_ignored(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return (torch.rand(size, size, generator=generator) < 0.3).fill_diagonal_(False)


@pytest.mark.parametrize("mixed", [0, 3, 7, 50])
@pytest.mark.parametrize("mixed_scale", [SCALE, 1.0])
@pytest.mark.parametrize("cap", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("masked", [True, False])
def test_the_composing_loss_equals_a_loop_over_its_formula(
    mixed: int, mixed_scale: float, cap: float, masked: bool
) -> None:
    queries, targets = unit(8, 5, seed=1), unit(8, 5, seed=2)
    ignored = some_ignored(8) if masked else torch.zeros(8, 8, dtype=torch.bool)
    rows, _ = naive_hard(queries, targets, mixed=mixed, mixed_scale=mixed_scale, cap=cap, ignored=ignored)
    hard = sum(entropy(row, i) for i, row in enumerate(rows)) / 8
    back = 0.0
    for i in range(8):
        column = [-math.inf if ignored[j, i] else SCALE * float(targets[i] @ queries[j]) for j in range(8)]
        back += entropy(column, i) / 8
    ours = composing(
        queries,
        targets,
        scale=SCALE,
        mixed=mixed,
        mixed_scale=mixed_scale,
        cap=cap,
        ignored=ignored if masked else None,
    )
    assert float(ours) == pytest.approx((hard + back) / 2, abs=1e-4)


def test_the_cap_and_the_scale_of_mixed_negatives_matter() -> None:
    queries, targets = unit(8, 5, seed=1), unit(8, 5, seed=2)

    def loss(*, mixed_scale: float, cap: float) -> float:
        return float(composing(queries, targets, scale=SCALE, mixed=3, mixed_scale=mixed_scale, cap=cap))

    values = {loss(mixed_scale=s, cap=c) for s in (SCALE, 1.0) for c in (0.2, 1.0)}
    assert len(values) == 4


@pytest.mark.parametrize("mixed", [1, 4, 7, 10])
def test_hard_logits_have_so_many_columns_more_and_never_mine_their_own_or_an_ignored_pair(mixed: int) -> None:
    queries, targets = unit(8, 5, seed=1), unit(8, 5, seed=2)
    targets[4] = targets[0]  # as like as two can be, and yet no diagonal
    ignored = some_ignored(8)
    ignored[5] = torch.arange(8) != 5  # a row with no negative at all
    scores = (SCALE * queries @ targets.T).masked_fill(ignored, -math.inf)
    found = hard_logits(scores, queries, targets, mixed=mixed, mixed_scale=SCALE, cap=0.9)
    assert found.shape == (8, 8 + min(mixed, 7))
    assert torch.equal(found[:, :8], scores)
    rows, mined = naive_hard(queries, targets, mixed=mixed, mixed_scale=SCALE, cap=0.9, ignored=ignored)
    assert all(i not in row for i, row in enumerate(mined))
    for i in range(8):
        expected = sorted(rows[i][8:])
        assert sorted(found[i, 8:].tolist()) == pytest.approx(expected, abs=1e-4)
        assert sum(math.isfinite(value) for value in expected) == min(mixed, 7 - int(ignored[i].sum()))
    assert (found[5, 8:] == -math.inf).all()


def test_a_batch_whose_queries_have_no_negatives_has_no_loss_and_a_finite_gradient() -> None:
    queries, targets = unit(4, 5, seed=1).requires_grad_(), unit(4, 5, seed=2)
    ignored = ~torch.eye(4, dtype=torch.bool)
    loss = composing(queries, targets, scale=SCALE, mixed=2, mixed_scale=SCALE, cap=0.9, ignored=ignored)
    loss.backward()
    assert loss == 0 and queries.grad is not None and not queries.grad.any()


def test_targets_that_are_all_the_same_have_a_finite_loss() -> None:
    queries, targets = unit(4, 5, seed=1).requires_grad_(), unit(1, 5, seed=2).expand(4, 5)
    loss = composing(queries, targets, scale=SCALE, mixed=2, mixed_scale=SCALE, cap=0.9)
    loss.backward()
    assert loss.isfinite() and queries.grad is not None and queries.grad.isfinite().all()


def test_soft_alignment_equals_a_loop_over_its_formula() -> None:
    captions, teacher, student = (unit(6, 8, seed=seed) for seed in (1, 2, 3))
    total = 0.0
    for i in range(6):
        q = [math.exp(SCALE * float(captions[i] @ teacher[j])) for j in range(6)]
        p = [math.exp(SCALE * float(captions[i] @ student[j])) for j in range(6)]
        for j in range(6):
            share = q[j] / sum(q)
            total += share * (math.log(share) - math.log(p[j] / sum(p))) / 6
    ours = soft_alignment(captions, teacher, student, scale=SCALE)
    assert ours.item() == pytest.approx(total, abs=1e-5)
    assert total > 0.01


def test_soft_alignment_and_its_gradient_vanish_where_the_student_is_the_teacher() -> None:
    captions, teacher = unit(6, 8, seed=1), unit(6, 8, seed=2)
    student = teacher.clone().requires_grad_()
    loss = soft_alignment(captions, teacher, student, scale=100.0)
    loss.backward()
    assert student.grad is not None
    assert abs(loss.item()) < 1e-6 and float(student.grad.abs().max()) < 1e-5
    other = unit(6, 8, seed=3).requires_grad_()
    soft_alignment(captions, teacher, other, scale=100.0).backward()
    assert other.grad is not None and float(other.grad.abs().max()) > 0.1


def test_no_gradient_of_soft_alignment_reaches_the_teacher() -> None:
    captions, teacher, student = (unit(6, 8, seed=seed).requires_grad_() for seed in (1, 2, 3))
    soft_alignment(captions.detach(), teacher, student, scale=SCALE).backward()
    assert teacher.grad is None and student.grad is not None


def test_the_losses_are_float32_under_autocast() -> None:
    queries, targets, captions = (unit(6, 64, seed=seed) for seed in (1, 2, 3))

    def both() -> tuple[Tensor, Tensor]:
        hard = composing(queries, targets, scale=100.0, mixed=3, mixed_scale=100.0, cap=0.9)
        return hard, soft_alignment(captions, targets, queries, scale=100.0)

    expected = both()
    with torch.autocast("cpu", torch.bfloat16):
        for ours, plain in zip(both(), expected, strict=True):
            assert torch.equal(ours, plain)


def test_agreement_equals_a_loop_over_its_formula() -> None:
    found, wanted, total = 3 * unit(5, 8, seed=1), 0.2 * unit(5, 8, seed=2), 0.0
    sides = [F.normalize(side, dim=1) for side in (found, wanted)]
    for own, other in (sides, sides[::-1]):
        for i in range(5):
            pairs = [math.exp(SCALE * float(own[i] @ other[j])) for j in range(5)]
            among = [math.exp(SCALE * float(own[i] @ own[j])) for j in range(5) if j != i]
            total -= math.log(pairs[i] / (sum(pairs) + sum(among)))
    assert float(agreement(found, wanted, scale=SCALE)) == pytest.approx(total / 10, rel=1e-5)
