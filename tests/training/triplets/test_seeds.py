"""Seed data becomes the model's prompt word for word, and only the answer is learnt."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from models.errors import InputError
from tests.training.triplets import tiny
from training.triplets import seeds
from training.triplets.seeds import Seed, SeedTokens

PROMPT = "Caption A: {caption_a} Caption B: {caption_b} Difference:"
SEED = Seed("a red shirt", "a {caption_a} dress", "change it to a dress")


@pytest.fixture(scope="module", params=[True, False], ids=["chat", "plain"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    folder = tiny.tiny_chat_model(tmp_path_factory.mktemp("models") / "chat", chat=request.param)
    return AutoTokenizer.from_pretrained(folder)


def test_the_prompt_is_what_the_reformulator_asks_and_the_answer_ends(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = seeds.encoded(SEED, tokenizer, prompt=PROMPT)
    asked = "Caption A: a red shirt Caption B: a {caption_a} dress Difference:"
    if tokenizer.chat_template is not None:
        asked = f"USER: {asked}\nASSISTANT:"
    assert tokenizer.decode(list(tokens.prompt)) == asked
    assert str(tokenizer.decode(list(tokens.answer))).strip() == "change it to a dress</s>"
    assert tokens.answer[-1] == tokenizer.eos_token_id


def test_a_template_that_writes_answers_in_its_own_way_is_followed(tokenizer: PreTrainedTokenizerBase) -> None:
    template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% if m['role'] == 'assistant' %}!{% endif %}"
    tokenizer.chat_template = f"{template}{{% endfor %}}{{% if add_generation_prompt %}}[assistant]{{% endif %}}"
    tokens = seeds.encoded(SEED, tokenizer, prompt=PROMPT)
    assert tokenizer.decode(list(tokens.answer)) == "change it to a dress!</s>"


def test_rows_are_padded_on_the_right_and_only_answers_are_labels() -> None:
    batch = seeds.padded([SeedTokens((5, 6, 7), (8, 2)), SeedTokens((5,), (9, 2))], filler=0)
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 2], [5, 9, 2, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    no = seeds.IGNORED
    assert batch.labels.tolist() == [[no, no, no, 8, 2], [no, 9, 2, no, no]]


def test_seeds_are_read_and_a_row_without_a_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    row = {"caption_a": " a red\nshirt", "caption_b": "a dress", "text": "make it a dress", "by": "someone"}
    path.write_text(json.dumps(row) + "\n\n")
    assert seeds.read(path) == [Seed("a red shirt", "a dress", "make it a dress")]
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"text": " "}) + "\n")
    with pytest.raises(InputError, match="row 2 has no text"):
        seeds.read(path)
