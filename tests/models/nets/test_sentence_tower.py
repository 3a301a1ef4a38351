"""The sentence encoder as a text tower: BERT, as the transformers library computes it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer as FastTokenizer
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from models.errors import ConfigError
from models.nets.backbone import Backbone, SentenceBackbone
from models.nets.sentence_tower import WordTable
from models.tokenizer import Tokenizer
from training import sentence_encoder

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz,.'", "red", "in", "don", "t", "##s", "##t")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a BERT of the tower's shape, random weights, and a tokenizer of a few words."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(5)
    model = BertModel(BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536))
    model.save_pretrained(folder)
    words = {word: place for place, word in enumerate(WORDS)}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": words[name], "content": name, "special": True, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False}
            for name in WORDS[:4]
        ],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": words},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    yield folder


@pytest.fixture(scope="module")
def net(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    found = Backbone.create("conv-minilm", pretrained="", end=WORDS.index("[SEP]")).eval()
    sentence_encoder.load(str(encoder), found, copy=tmp_path_factory.mktemp("run") / "encoder.safetensors")
    return found


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    """Texts of three lengths, the longest of all columns."""
    ids = torch.randint(4, 30_000, (3, 12), generator=torch.Generator().manual_seed(2))
    ids[:, 0] = WORDS.index("[CLS]")
    for row, end in enumerate((3, 7, 11)):
        ids[row, end] = WORDS.index("[SEP]")
        ids[row, end + 1 :] = 0
    return ids


@torch.no_grad()
def test_the_states_are_those_of_bert(net: Backbone, encoder: Path, tokens: Tensor) -> None:
    theirs = BertModel.from_pretrained(encoder).eval()
    table = theirs.embeddings.word_embeddings
    table.weight.copy_(WordTable(table.weight)(torch.arange(len(table.weight))))  # as precise as ours
    heard = net.heard(tokens)
    wanted = theirs(input_ids=tokens, attention_mask=heard.long()).last_hidden_state
    torch.testing.assert_close(net.text_states(tokens)[heard], wanted[heard], atol=2e-5, rtol=1e-4)
    mean = torch.stack([wanted[row, : end + 1].mean(dim=0) for row, end in enumerate((3, 7, 11))])
    torch.testing.assert_close(
        net.text(tokens), F.normalize(mean @ net.clip.text_projection, dim=-1), atol=2e-5, rtol=0
    )


@torch.no_grad()
def test_padding_changes_nothing(net: Backbone, tokens: Tensor) -> None:
    torch.testing.assert_close(net.text(tokens[:1, :4]), net.text(tokens)[:1])


def test_words_take_a_byte_and_no_gradient() -> None:
    words = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    table = WordTable(words)
    assert not list(table.parameters()) and table.codes.dtype == torch.int8
    longest = words.abs().amax(dim=1, keepdim=True)
    assert bool(((table(torch.arange(50)) - words).abs() <= longest / 254 + 1e-6).all())


def test_only_the_last_blocks_learn(net: Backbone) -> None:
    sentence_encoder.freeze(net, learns=2)
    learning = {name for name, parameter in net.clip.transformer.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[1] for name in learning} == {"4", "5"}
    assert net.clip.text_projection.requires_grad and not net.clip.positional_embedding.requires_grad


def test_a_run_needs_the_encoder_at_its_beginning_only(encoder: Path, net: Backbone, tmp_path: Path) -> None:
    copy = tmp_path / "encoder.safetensors"
    copy.write_bytes((encoder / "model.safetensors").read_bytes())
    again = Backbone.create("conv-minilm", pretrained="", end=3).eval()
    sentence_encoder.load("no_such_package", again, copy=copy)
    assert isinstance(again, SentenceBackbone)
    for name, value in net.clip.transformer.state_dict().items():
        assert torch.equal(again.clip.transformer.state_dict()[name], value)


@pytest.mark.parametrize(
    "text",
    ['"in red"', "IN RED!", "(in red)", "#in #red", "in red 🙂🙂", "“in red”…", "in  réd", "*in* _red_", "In red. "],
)
def test_case_quotes_brackets_and_emoji_change_no_token(encoder: Path, tmp_path: Path, text: str) -> None:
    sentence_encoder.write_tokenizer(str(encoder), tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.open(tmp_path / "tokenizer.json", context_length=12)
    assert tokenizer.end == WORDS.index("[SEP]")
    plain, noisy = tokenizer.encode(["in red", text]).ids
    assert plain.tolist() == noisy.tolist()


def test_an_apostrophe_within_a_word_stays(encoder: Path, tmp_path: Path) -> None:
    sentence_encoder.write_tokenizer(str(encoder), tmp_path / "tokenizer.json")
    fast = FastTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert fast.encode("don’t 'in'").tokens == ["don", "'", "t", "in"]


def test_a_missing_encoder_is_named() -> None:
    with pytest.raises(ConfigError, match="no sentence encoder 'no_such_package': install the extra sentences"):
        sentence_encoder.folder("no_such_package")
