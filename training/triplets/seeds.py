"""Seed data of the reformulator: human texts for two captions, as token ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from models.errors import InputError
from training.data.formats import jsonl
from training.engine.batch import Batch
from training.triplets import texts
from training.triplets.local import prompted, starts_itself

IGNORED = -100  # label of tokens that do not count in the loss, as torch's cross entropy has it


@dataclass(frozen=True, slots=True)
class Seed:
    """Two captions and the text between them."""

    caption_a: str
    caption_b: str
    text: str


@dataclass(frozen=True, slots=True)
class SeedTokens:
    """One seed as token ids."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]  # with the token that ends it

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def read(path: Path) -> list[Seed]:
    """Read the seeds of a file of JSON lines; raises InputError if one lacks a caption or the text."""
    return [
        Seed(*(_text(row, key, f"{path}, row {number}") for key in ("caption_a", "caption_b", "text")))
        for number, row in enumerate(jsonl.records(path), start=1)
    ]


def encoded(seed: Seed, tokenizer: PreTrainedTokenizerBase, *, prompt: str) -> SeedTokens:
    """Encode the reformulator's prompt, and the answer that it should give."""
    question = texts.filled(prompt, {"caption_a": seed.caption_a, "caption_b": seed.caption_b})
    prompt_text = prompted(tokenizer, question)
    special = not starts_itself(tokenizer, prompt_text)
    ids = tokenizer(prompt_text, add_special_tokens=special)["input_ids"]
    answer = tokenizer(_answer(seed.text, question, prompt_text, tokenizer), add_special_tokens=False)["input_ids"]
    return SeedTokens(prompt=tuple(ids), answer=tuple(answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBatch(Batch):
    """B seeds, padded on the right."""

    input_ids: Tensor  # int64 (B, L)
    attention_mask: Tensor  # int64 (B, L): 0 for padding
    labels: Tensor  # int64 (B, L): the answer's ids, IGNORED elsewhere


def padded(rows: Sequence[SeedTokens], *, filler: int) -> SeedBatch:
    """Return the seeds as one batch, padded with the id `filler`."""
    longest = max(map(len, rows))
    shape = (len(rows), longest)
    ids, mask = torch.full(shape, filler), torch.zeros(shape, dtype=torch.int64)
    labels = torch.full(shape, IGNORED)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row.prompt + row.answer)
        mask[place, : len(row)] = 1
        labels[place, len(row.prompt) : len(row)] = torch.tensor(row.answer)
    return SeedBatch(input_ids=ids, attention_mask=mask, labels=labels)


def _answer(text: str, question: str, prompt_text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the text with its end token, as the chat template writes an answer."""
    end = str(tokenizer.eos_token)
    if tokenizer.chat_template is None:
        return f" {text}{end}"
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    whole = str(tokenizer.apply_chat_template(turns, tokenize=False))
    answer = whole.removeprefix(prompt_text) if whole.startswith(prompt_text) else text
    return answer[: answer.index(end)] + end if end in answer else answer + end


def _text(row: Mapping[str, object], key: str, location: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'{location} has no {key}: write {{"caption_a", "caption_b", "text"}}, none of them blank')
    return " ".join(value.split())
