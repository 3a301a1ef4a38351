"""Tokenizers that frame a text themselves: written as open_clip calls them, and refused if a file cannot say how."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest

from models.errors import BundleBroken, ConfigError
from models.nets import open_clip_models
from models.nets.open_clip_models import Description, WeightFacts
from models.tokenizer import Template, Tokenizer
from tests.training.bundles.families import TOKENIZERS, VOCABULARY
from training import hub_tokenizer

LENGTH = 24
TEXTS = ["a red dress", "", "long sleeves " * 40, "Women’s\n\nH&amp;M knit_in blue", "naïve ﬁne 東京"]


def described(folder: Path, **text: object) -> Description:
    """Describe a model whose folder has only a config."""
    folder.mkdir(exist_ok=True)
    sizes = {"context_length": LENGTH, "vocab_size": VOCABULARY, "hf_tokenizer_name": "its", **text}
    config = {"embed_dim": 8, "vision_cfg": {}, "text_cfg": sizes}
    preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing}))
    return open_clip_models.describe(f"local-dir:{folder}", pretrained="", stated=WeightFacts())


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("clean", ["whitespace", "canonicalize", "lower"])
def test_ids_are_those_of_open_clip(kind: str, clean: str, tmp_path: Path) -> None:
    options = {"clean": clean, **({"strip_sep_token": True} if kind == "bert" else {})}
    model = described(tmp_path / "model", tokenizer_kwargs=options)
    TOKENIZERS[kind]().save_pretrained(tmp_path / "model")
    hub_tokenizer.write(tmp_path / "tokenizer.json", model, place=model.tokenizer_name)
    tokenizer = Tokenizer.open(tmp_path / "tokenizer.json", context_length=LENGTH)
    found = tokenizer.encode(TEXTS)
    theirs = open_clip.get_tokenizer(model.name)(TEXTS).numpy()
    np.testing.assert_array_equal(found.ids, theirs)
    assert found.truncated.tolist() == [False, False, True, False, False]
    assert tokenizer.frames_itself and tokenizer.slot(Template.parse("a {text}")) is None
    single = tokenizer.encode(["red dress"], template=Template.parse("a {text}")).ids
    np.testing.assert_array_equal(single, theirs[:1])
    with pytest.raises(ConfigError, match="pseudo-word"):
        tokenizer.encode(["red"], template=Template.parse("a * in {text}"))
    with pytest.raises(ConfigError, match="pseudo-word"):
        tokenizer.encode_parts([["a", "b"]])


def test_the_names_of_special_tokens_are_words_in_a_text(tmp_path: Path) -> None:
    model = described(tmp_path / "model")
    TOKENIZERS["bert"]().save_pretrained(tmp_path / "model")
    hub_tokenizer.write(tmp_path / "tokenizer.json", model, place=model.tokenizer_name)
    ids = Tokenizer.open(tmp_path / "tokenizer.json", context_length=LENGTH).encode(["a [SEP] b"]).ids[0]
    assert (ids == 3).sum() == 1  # the separator at the end alone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"tokenizer_mode": "clips"}, "way of its own"),
        ({"tokenizer_kwargs": {"language": "deu_Latn"}}, "way of its own"),
        ({"vocab_size": 8}, "more tokens"),
    ],
)
def test_what_a_file_cannot_say_is_refused(text: dict[str, object], words: str, tmp_path: Path) -> None:
    model = described(tmp_path / "model", **text)
    TOKENIZERS["roberta"]().save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match=words):
        hub_tokenizer.write(tmp_path / "tokenizer.json", model, place=model.tokenizer_name)


def test_a_folder_without_a_tokenizer_is_refused_with_the_option_that_names_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--tokenizer"):
        hub_tokenizer.write(tmp_path / "tokenizer.json", described(tmp_path / "model"), place=str(tmp_path / "model"))


def test_a_tokenizer_without_ends_or_padding_is_refused(tmp_path: Path) -> None:
    TOKENIZERS["roberta"]().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(BundleBroken, match="startoftext"):
        Tokenizer.open(tmp_path / "tokenizer.json", context_length=LENGTH)
