"""Phrasebooks: every change is sayable by every writer, and the writers of training, validation and test differ."""

from itertools import combinations
from pathlib import Path

import pytest

from models.errors import ConfigError
from training.catalogue.language import phrasebook
from training.catalogue.language.phrasebook import FOLDER, TEST, TRAINING, VALIDATION, book

ALL = (*TRAINING, *VALIDATION, *TEST)


def test_every_file_is_a_phrasebook_of_one_use() -> None:
    assert sorted(ALL) == sorted(path.stem for path in FOLDER.glob("*.toml")) and len(set(ALL)) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_change_is_sayable(name: str) -> None:
    assert book(name).phrases.keys() == phrasebook.keys().keys()


@pytest.mark.parametrize("name", ALL)
def test_no_name_of_a_colour_or_a_thing_stands_for_two(name: str) -> None:
    for kind in ("colours", "nouns"):
        said = [word.lower() for key, words in book(name).phrases.items() if key.startswith(kind) for word in words]
        assert sorted(said) == sorted(set(said))


@pytest.mark.parametrize("name", [*VALIDATION, *TEST])
def test_no_clause_of_validation_and_test_is_one_of_training(name: str) -> None:
    """Names of values may coincide, "a v-neck"; what is said with them may not."""
    shared = []
    for key, phrases in book(name).phrases.items():
        if not key.startswith(("colours", "nouns", "joiners")) and not key.endswith((".noun", ".marks")):
            trained = {phrase.casefold() for other in TRAINING for phrase in book(other)[key]}
            shared += [key for phrase in phrases if phrase.casefold() in trained]
    assert len(shared) <= 6, shared  # keys of which every phrase is common property


@pytest.mark.parametrize(("one", "other"), [*combinations(ALL, 2)])
def test_no_two_writers_share_frames(one: str, other: str) -> None:
    shared = set(book(one)["frames"]) & set(book(other)["frames"])
    assert len(shared) <= 8


def test_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('joiners = ["a", "a", "b"]\nframes = ["{said} {colour}", "{said}", "hello"]\nother = ["x"]\n')
    with pytest.raises(ConfigError) as caught:
        phrasebook.read(path)
    for fault in (
        "colours.red is missing",
        "other is unknown",
        "joiners: a phrase stands twice",
        "frames: '{said} {colour}' has a place for ['colour']",
        "frames: 'hello' lacks ['said']",
        "other: 1 phrases, at least 3 are needed",
    ):
        assert fault in str(caught.value)
