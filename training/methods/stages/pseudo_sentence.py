"""Sentence that holds nothing but a pseudo-word, as "a photo of *": what the mapping stages train on."""

import torch
from torch import Tensor

from models.tokenizer import SLOT, Template, Tokenizer


def mapping_template(template: str) -> str:
    """Return a template without its wanted change: all of it up to the pseudo-word."""
    return template[: template.index(SLOT) + 1]


def pseudo_sentence(template: str, tokenizer: Tokenizer) -> tuple[Tensor, int]:
    """Return token ids (1, L) of a mapping template, and the pseudo-word's column in them as in every text."""
    parsed = Template.parse(template)
    slot = tokenizer.slot(parsed)
    if slot is None:
        raise AssertionError("a mapping template has a pseudo-word")
    ids = tokenizer.encode([""], template=parsed).ids
    return torch.from_numpy(ids[:, : int((ids[0] == tokenizer.end).argmax()) + 1]), slot
