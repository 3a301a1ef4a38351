"""Captions without their keywords, as LinCIR reads them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import PLACEHOLDER_ID, Tokenizer
from tests.models import tiny
from training.methods.pseudo_words.masked_captions import MaskedCaptions, without_keywords


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a red dress with long sleeves", ["a", "with", ""]),
        ("Red dress, with a HOOD!", ["", ", with a", "!"]),
        ("knee-length skirt", ["", ""]),
        ("is it the one?", ["", ""]),  # no keyword: all of it
        ("", ["", ""]),
        ("$50 off *", ["$", "off *"]),
    ],
)
def test_each_run_of_keywords_is_one_place(text: str, parts: list[str]) -> None:
    assert without_keywords(text) == parts


@given(text=st.text(max_size=40))
def test_every_text_has_a_place(text: str) -> None:
    assert len(without_keywords(text)) >= 2


class Three:
    """Three captions, others in every epoch."""

    def __len__(self) -> int:
        return 3

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        written = ["a red dress with long sleeves", "blue", "a photo of a dress that is red with long sleeves"]
        return [written[(row + epoch) % 3] for row in rows]

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        yield torch.zeros(batch, 2)


def test_a_batch_has_the_captions_whole_and_without_keywords(tmp_path_factory: pytest.TempPathFactory) -> None:
    tokenizer = tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")
    masked = MaskedCaptions(Three(), tokenizer)
    (batch,) = masked.batches([np.array([0, 1])], epoch=0)
    assert torch.equal(batch.caption, cut(tokenizer, ["a red dress with long sleeves", "blue"]))
    assert batch.places.int().tolist() == [[0, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0]]
    words = cut(tokenizer, ["a", "with"])
    assert batch.masked[0].tolist() == [
        words[0, 0], words[0, 1], PLACEHOLDER_ID, words[1, 1], PLACEHOLDER_ID, tokenizer.end,
    ]  # fmt: skip
    (later,) = masked.batches([np.array([0, 1])], epoch=1)
    assert torch.equal(later.caption[:1, :3], cut(tokenizer, ["blue"]))
    assert len(masked) == 3 and [block.shape for block in masked.validation(batch=4)] == [(4, 2)]


def cut(tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """Token ids up to the last end."""
    ids = tokenizer.encode(texts).ids
    return torch.from_numpy(ids[:, : int((ids == tokenizer.end).argmax(axis=1).max()) + 1])
