"""A column of texts behaves as the list of them."""

import pickle

import pyarrow
import pytest

from training.data.texts import Texts

WORDS = ["", "red", "größer", "one\nline", "🧥"] * 2_000


def test_a_column_gives_what_the_list_gives() -> None:
    texts = Texts.from_strings(iter(WORDS))
    assert list(texts) == WORDS and len(texts) == len(WORDS)
    assert [texts[row] for row in (0, 2, 9_999, -1)] == [WORDS[row] for row in (0, 2, 9_999, -1)]
    assert list(texts[3:8]) == WORDS[3:8]
    assert list(texts.take([7, 0, 7])) == [WORDS[7], WORDS[0], WORDS[7]]
    assert "größer" in texts and "gröber" not in texts
    with pytest.raises(IndexError):
        texts[len(WORDS)]


def test_a_column_travels_between_processes_whole() -> None:
    assert list(pickle.loads(pickle.dumps(Texts.from_strings(WORDS)))) == WORDS


def test_columns_in_pieces_are_one() -> None:
    assert list(Texts(pyarrow.chunked_array([["a", "b"], [], ["c"]], pyarrow.string()))) == ["a", "b", "c"]
    assert list(Texts(pyarrow.chunked_array([], pyarrow.string()))) == []
