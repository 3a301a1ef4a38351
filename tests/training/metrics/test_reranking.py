"""Re-ranking against sorted lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.metrics import reranking

SCORES = st.integers(2, 12).flatmap(
    lambda count: st.lists(
        st.lists(st.sampled_from([-np.inf, -0.5, 0.0, 0.25, 0.5, 1.0]), min_size=count, max_size=count).filter(
            lambda line: any(np.isfinite(line))
        ),
        min_size=1,
        max_size=3,
    )
)


def ranking(scores: NDArray[np.float32]) -> list[int]:
    """Return the rows by score, ties by row, without excluded ones."""
    return sorted((row for row in range(len(scores)) if np.isfinite(scores[row])), key=lambda row: (-scores[row], row))


@given(SCORES, st.integers(1, 14), st.integers(0, 1000))
def test_reranked_rows_come_first_and_the_others_keep_their_order(
    lines: list[list[float]], count: int, seed: int
) -> None:
    scores = np.array(lines, dtype=np.float32)
    rows = reranking.best_rows(scores, count)
    new = np.random.default_rng(seed).integers(-3, 3, rows.shape).astype(np.float32)
    found = reranking.rerank_scores(scores, rows, new)
    for line, own, fresh, after in zip(scores, rows, new, found, strict=True):
        before = ranking(line)
        head = [row for row in before if row in own.tolist()]
        assert head == before[: len(head)] and len(own) == min(count, len(line))
        worth = dict(zip(own.tolist(), fresh.tolist(), strict=True))
        assert ranking(after) == sorted(head, key=lambda row: (-worth[row], row)) + before[len(head) :]


def test_rows_of_one_new_score_stay_tied() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.1]], dtype=np.float32)
    found = reranking.rerank_scores(scores, reranking.best_rows(scores, 3), np.array([[1, 2, 2]], dtype=np.float32))
    assert found[0, 1] == found[0, 2] > found[0, 0] > found[0, 3] == scores[0, 3]
