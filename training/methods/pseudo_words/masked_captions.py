"""Captions in which each run of keywords is replaced by one pseudo-word (LinCIR)."""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import Tokenizer
from training.data.batch import MaskedBatch

# Words that are not keywords. LinCIR takes runs of adjectives and nouns, which a tagger finds; all other word classes
# except verbs and adverbs are closed, so that this list is almost the same and needs no model.
_WORDS = """
    a an the this that these those some any each every no one
    i me my we us our you your he him his she her it its they them their who which what whose there here
    and or but nor so yet if than as because while when where
    of in on at by for with without from to into onto over under above below between through across about around
    against along near behind beside inside outside off out up down after before during until like per via
    is are was were be been being am has have having had do does did can could will would shall should may might must
    not very just also too only both all more most less least
"""
_FUNCTION_WORDS = frozenset(_WORDS.split())
_PIECE = re.compile(r"[\w'’-]+|[^\w\s]")


class CaptionSource(Protocol):
    """Captions, and images to validate on."""

    def __len__(self) -> int:
        """Return the number of captions to train on."""

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        """Return the captions of the rows."""

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield images that are not trained on."""


class MaskedCaptions:
    """Captions as token ids, whole and with pseudo-words in place of their keywords."""

    def __init__(self, source: CaptionSource, tokenizer: Tokenizer) -> None:
        self._source = source
        self._tokenizer = tokenizer

    def __len__(self) -> int:
        return len(self._source)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[MaskedBatch]:
        """Yield the captions of each order, cut to the longest."""
        for rows in orders:
            texts = self._source.captions(rows, epoch=epoch)
            masked, places = self._tokenizer.encode_parts([without_keywords(text) for text in texts])
            width = self._width(masked)
            yield MaskedBatch(
                caption=torch.from_numpy(self._cut(self._tokenizer.encode(texts).ids)),
                masked=torch.from_numpy(masked[:, :width]),
                places=torch.from_numpy(places[:, :width]),
            )

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield images that are not trained on."""
        yield from self._source.validation(batch=batch)

    def _cut(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return ids[:, : self._width(ids)]

    def _width(self, ids: NDArray[np.int64]) -> int:
        """Return the number of columns that are not padding in every row."""
        return int((ids == self._tokenizer.end).argmax(axis=1).max()) + 1


def without_keywords(text: str) -> list[str]:
    """Return the parts of a text between its runs of keywords; a text without keywords counts as one run."""
    parts: list[list[str]] = [[]]
    inside = False
    for piece in _PIECE.findall(text):
        keyword = piece[0].isalnum() and piece.lower() not in _FUNCTION_WORDS
        if not keyword:
            parts[-1].append(piece)
        elif not inside:
            parts.append([])
        inside = keyword
    return [" ".join(part) for part in parts] if len(parts) > 1 else ["", ""]
