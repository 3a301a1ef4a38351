"""Tokenizers: ours frames and truncates, CLIP's gives open_clip's own ids."""

from pathlib import Path

import ftfy
import numpy as np
import open_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BundleBroken
from models.tokenizer import PADDING_ID, Tokenizer
from training import vocabulary


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("clip") / "tokenizer.json"
    vocabulary.clip(path)
    return Tokenizer.open(path, context_length=77)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("small") / "tokenizer.json"
    vocabulary.learn(["a red dress with long sleeves", "in blue, with a hood"] * 20, size=600, path=path)
    return Tokenizer.open(path, context_length=12)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(codec="latin-1", exclude_characters="&"), max_size=60))
def test_clips_tokenizer_gives_open_clips_ids(clip: Tokenizer, text: str) -> None:
    theirs = open_clip.get_tokenizer("ViT-B-32")([text]).numpy()
    if ftfy.fix_text(text) == text:
        np.testing.assert_array_equal(clip.encode([text]).ids, theirs)


@pytest.mark.parametrize(
    "text", ["$50 off", "a photo of *, that is red", "don't", "naïve café", "red\n\tdress  ", "x" * 900]
)
def test_shoppers_texts_give_open_clips_ids(clip: Tokenizer, text: str) -> None:
    np.testing.assert_array_equal(clip.encode([text]).ids, open_clip.get_tokenizer("ViT-B-32")([text]).numpy())


@given(text=st.text(max_size=40))
def test_any_text_has_a_start_an_end_and_padding(small: Tokenizer, text: str) -> None:
    tokens = small.encode([text])
    row = tokens.ids[0].tolist()
    assert len(row) == 12
    last = row.index(small.end)
    assert row[last + 1 :] == [PADDING_ID] * (11 - last)
    assert row[1:last].count(small.end) == 0
    assert small.end == max(range(small.vocabulary))


def test_words_that_are_too_many_are_dropped_and_reported(small: Tokenizer) -> None:
    tokens = small.encode(["red", "red dress " * 20])
    assert tokens.truncated.tolist() == [False, True]
    assert tokens.ids[1, -1] == small.end


def test_case_width_and_outer_spaces_do_not_matter(small: Tokenizer) -> None:
    ids = small.encode(["Red DRESS", "  red dress ", "ｒｅｄ dress"]).ids
    assert (ids[0] == ids[1]).all()
    assert (ids[0] == ids[2]).all()


def test_an_end_token_written_by_a_shopper_is_text(small: Tokenizer) -> None:
    assert small.encode(["<|endoftext|>"]).ids[0].tolist().count(small.end) == 1


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleBroken, match=r"tokenizer\.json"):
        Tokenizer.open(tmp_path / "tokenizer.json", context_length=8)
