"""Texts of one batch in groups of like length: half of a mixed batch is padding, which costs as much as words."""

from collections.abc import Callable

import torch
from torch import Tensor

HOSTS = ("cpu",)  # devices whose values are read without waiting
_GROUPS = 4


def by_length(ends: Tensor, tokens: Tensor, run: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the rows (B, …) of `run`, which is called on a few groups of texts.

    `ends` (B,) are the columns of the end tokens in `tokens` (B, L). `run` takes the rows of a group (b,) and its token
    ids (b, L'), without the columns that are padding in all of them. On a GPU all rows are one group: to read their
    lengths would wait for it.
    """
    if tokens.device.type not in HOSTS:
        return run(torch.arange(tokens.shape[0], device=tokens.device), tokens)
    groups = [rows for rows in ends.argsort(stable=True).tensor_split(_GROUPS) if len(rows)]
    parts = [run(rows, tokens[rows, : int(ends[rows].max()) + 1]) for rows in groups]
    return torch.cat(parts)[torch.cat(groups).argsort()]
