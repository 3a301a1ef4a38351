"""The re-ranker: untrained it changes nothing, and a candidate's score is its own."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.reranker import Reranker, RerankerShape
from tests.models import tiny

END = 3
ROWS, COUNT, WIDTH = 4, 6, 24


@pytest.fixture(scope="module")
def vectors() -> tuple[Tensor, Tensor, Tensor]:
    """Of references and queries (B, d), and of candidates (B, K, d)."""
    draw = torch.Generator().manual_seed(2)
    sizes = ((ROWS, WIDTH), (ROWS, WIDTH), (ROWS, COUNT, WIDTH))
    reference, composed, candidates = (F.normalize(torch.randn(size, generator=draw), dim=-1) for size in sizes)
    return reference, composed, candidates


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    """Texts of different lengths (B, L), then padding."""
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(4, 20, (ROWS, tiny.CONTEXT), generator=draw)
    for row in range(ROWS):
        ids[row, 3 + row :] = END
    return ids


@pytest.fixture(scope="module")
def net() -> Reranker:
    return tiny.reranker(end=END)


@torch.no_grad()
def test_an_untrained_one_gives_the_cosines_of_the_first_ranking(
    vectors: tuple[Tensor, Tensor, Tensor], tokens: Tensor
) -> None:
    reference, composed, candidates = vectors
    scores = Reranker(tiny.backbone(end=END), RerankerShape(width=16)).eval()(reference, tokens, composed, candidates)
    for row in range(ROWS):
        for place in range(COUNT):
            assert float(scores[row, place]) == pytest.approx(float(composed[row] @ candidates[row, place]), abs=1e-6)


@torch.no_grad()
def test_a_candidate_is_scored_alike_whatever_others_and_queries_are_beside_it(
    net: Reranker, vectors: tuple[Tensor, Tensor, Tensor], tokens: Tensor
) -> None:
    reference, composed, candidates = vectors
    scores = net(reference, tokens, composed, candidates)
    assert scores.std() > 0.05  # or it would show nothing
    for row in range(ROWS):
        own = slice(row, row + 1)
        for place in range(COUNT):
            alone = net(reference[own], tokens[own], composed[own], candidates[own, place : place + 1])
            assert float(alone) == pytest.approx(float(scores[row, place]), abs=1e-5)


@torch.no_grad()
def test_what_follows_the_end_of_a_text_is_not_read(
    net: Reranker, vectors: tuple[Tensor, Tensor, Tensor], tokens: Tensor
) -> None:
    reference, composed, candidates = vectors
    scores = net(reference, tokens, composed, candidates)
    shorter = net(reference, tokens[:, : 4 + ROWS], composed, candidates)
    assert torch.allclose(scores, shorter, atol=1e-5)
    assert not torch.allclose(scores, net(reference, tokens.flip(0), composed, candidates), atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("which", [0, 1, 2])
def test_it_reads_the_reference_the_query_and_the_candidates(
    net: Reranker, vectors: tuple[Tensor, Tensor, Tensor], tokens: Tensor, which: int
) -> None:
    changed = list(vectors)
    changed[which] = -changed[which]
    differences = [
        net(reference, tokens, query, seen) - seen.matmul(query[..., None])[..., 0]
        for reference, query, seen in (vectors, changed)
    ]
    assert float((differences[0] - differences[1]).abs().max()) > 0.01  # beyond the cosine that is added


def test_the_tower_that_reads_the_words_does_not_learn(net: Reranker) -> None:
    assert not any(parameter.requires_grad for parameter in net.backbone.parameters())
    assert all(parameter.requires_grad for name, parameter in net.named_parameters() if "backbone" not in name)
