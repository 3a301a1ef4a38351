"""Tokenizers: ours frames and truncates, CLIP's gives open_clip's own ids."""

import time
from itertools import combinations
from pathlib import Path

import numpy as np
import open_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

from models.cleaning import KINDS, cleaned
from models.errors import BundleBroken, ConfigError
from models.tokenizer import _RUN_TOKENS, PADDING_ID, PLACEHOLDER_ID, PLAIN, Template, Tokenizer, grouped_by_length
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


PIECES = st.sampled_from(
    [
        *("’", "‘", "“", "”", "'s", "'S", "'ſ", "'LL", "&amp;", "&amp;amp;", "&amp;amp;lt;", "&lt", "&#8217;"),
        *("ｆｕｌｌ", "ﬁ", "\ufeff", "\u200b", "\x00", "\x07", "\x1c", "\x85", "\x9d", "\x1b[31m", "\r\n", "\u2028"),
        *("â€™", "Ã©", "Ã ", "â€œ", "schÃ¶n", "Ð¿", "\ud800", "\udc57", "\ud83d\udc57", "👩🏽‍🚀", "❤️", "👗", "🇩🇪"),
        *("e\u0301", "İ", "Σ", "ΑΣ", "ß", "Ǆ", "½", "²", "٣", "1234", "3.14", "\u058b", "𲎰", "𛲅", "<", ">", "_"),
        *("*", "{text}", " ", "  ", "\t", "\xa0", "$50 off", "don't", "naïve café", "red dress", "K", "x" * 300),
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(exclude_categories=()), max_size=8), max_size=8).map("".join)


@pytest.mark.parametrize("clean", sorted(KINDS))
def test_every_text_gives_open_clips_ids(clean: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path, theirs = tmp_path_factory.mktemp("clip") / "tokenizer.json", SimpleTokenizer(clean=clean)
    vocabulary.clip(path, clean=clean)
    ours = Tokenizer.open(path, context_length=77)

    @settings(max_examples=1000, deadline=None)
    @given(text=TEXTS)
    def same(text: str) -> None:
        np.testing.assert_array_equal(ours.encode([text]).ids, theirs([text]).numpy())

    same()


def test_every_character_gives_open_clips_ids(clip: Tokenizer) -> None:
    """Letters and numbers of the newest Unicode as well, beside a letter, a digit, an apostrophe and themselves."""
    theirs = SimpleTokenizer()
    letters = [chr(code) for code in range(0, 0x32000, 7)] + [chr(code) for code in range(0x32000, 0x110000, 997)]
    texts = [f"a{one}1{one}'{one}{one}" for one in letters]
    np.testing.assert_array_equal(clip.encode(texts).ids, theirs(texts).numpy())


@pytest.mark.parametrize("clean", sorted(KINDS))
@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_a_text_is_cleaned_as_open_clip_cleans_it(clean: str, text: str) -> None:
    assert cleaned(text, kind=clean) == get_clean_fn(clean)(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("women’s dress", "women's dress"),
        ("H&amp;M shirt", "h&m shirt"),
        ("&amp;quot;boho&amp;quot;", '"boho"'),
        ("ｆｕｌｌ　width", "full width"),
        ("\ufeffred\x07\x00", "red"),
        ("schÃ¶n", "schön"),
        ("red\n\tDRESS  ", "red dress"),
    ],
)
def test_texts_of_phones_and_feeds_are_the_words_that_they_mean(clip: Tokenizer, text: str, same: str) -> None:
    np.testing.assert_array_equal(clip.encode([text]).ids, clip.encode([same]).ids)


def test_open_clips_special_tokens_in_a_text_are_words(clip: Tokenizer) -> None:
    for text in ("<end_of_text> red", "<|endoftext|> red"):
        ids = clip.encode([text]).ids[0].tolist()
        assert ids.count(clip.end) == 1 and ids[ids.index(clip.end) + 1 :] == [PADDING_ID] * (76 - ids.index(clip.end))


@pytest.mark.parametrize("word", ["x", "x ", "&amp;", "Ã©", "’", "👗"])
def test_the_time_of_a_long_text_grows_with_its_length(clip: Tokenizer, word: str) -> None:
    begun = time.process_time()
    clip.encode([word * 20_000])
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("text", ["$50 off", "a photo of *, that is red", "don't", "naïve café", "x" * 900])
def test_shoppers_texts_give_open_clips_ids(clip: Tokenizer, text: str) -> None:
    np.testing.assert_array_equal(clip.encode([text]).ids, open_clip.get_tokenizer("ViT-B-32")([text]).numpy())


def test_half_a_surrogate_pair_is_a_replacement_character(small: Tokenizer) -> None:
    np.testing.assert_array_equal(small.encode(["red \ud83d"]).ids, small.encode(["red \ufffd"]).ids)
    np.testing.assert_array_equal(small.encode(["red \ud83d\udc57"]).ids, small.encode(["red 👗"]).ids)


def test_a_cleaning_that_this_version_does_not_know_is_refused(clip: Tokenizer, tmp_path: Path) -> None:
    vocabulary.clip(tmp_path / "tokenizer.json", clean="upper")
    with pytest.raises(BundleBroken, match="'upper'"):
        Tokenizer.open(tmp_path / "tokenizer.json", context_length=77)


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


CHANGE = Template.parse("a photo of * that {text}")


def test_clips_pseudo_word_stands_where_the_paper_has_it(clip: Tokenizer) -> None:
    assert clip.slot(Template.parse("a photo of *")) == 4  # two-stage, A.1
    assert clip.slot(CHANGE) == 4
    assert clip.slot(PLAIN) is None
    assert clip.slot(Template.parse("*")) == 1


@pytest.mark.parametrize("tokenizer", ["clip", "small"])
def test_a_template_puts_its_parts_one_after_the_other(tokenizer: str, request: pytest.FixtureRequest) -> None:
    opened: Tokenizer = request.getfixturevalue(tokenizer)
    words = {text: opened.encode([text]).ids[0].tolist() for text in ("a photo of", "that in red")}
    inner = {text: ids[1 : ids.index(opened.end)] for text, ids in words.items()}
    expected = [words["a photo of"][0], *inner["a photo of"], PLACEHOLDER_ID, *inner["that in red"], opened.end]
    found = opened.encode(["in red"], template=CHANGE).ids[0].tolist()
    room = opened.context_length
    assert found[: min(len(expected), room) - 1] == expected[: min(len(expected), room) - 1]
    assert found.count(opened.end) == 1


ODD = ["$50", "*", "{text}", "<|endoftext|>", "a photo of * that {text}", "", "50 % off, * $"]


@pytest.mark.parametrize("text", ODD)
def test_a_shoppers_text_is_never_searched_for_the_templates_places(clip: Tokenizer, text: str) -> None:
    found, slot = clip.encode([text], template=CHANGE), clip.slot(CHANGE)
    as_words = clip.encode([f"that {text}"]).ids[0].tolist()
    as_words = as_words[1 : as_words.index(clip.end)]
    assert slot is not None
    assert found.ids[0, slot] == PLACEHOLDER_ID and not found.truncated[0]
    assert found.ids[0, slot + 1 : slot + 2 + len(as_words)].tolist() == [*as_words, clip.end]


@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_leaves_the_slot_and_the_words_before_it_alone(small: Tokenizer, text: str) -> None:
    template = Template.parse("a red * {text}")
    bare, found = small.encode([""], template=template), small.encode([text], template=template)
    slot = small.slot(template) or 0
    assert slot and (found.ids[0, : slot + 1] == bare.ids[0, : slot + 1]).all()
    assert found.ids[0].tolist().count(small.end) == 1
    if found.truncated[0]:
        assert found.ids[0, -1] == small.end
        first = small.encode([text]).ids[0, 1:].tolist()
        assert found.ids[0, slot + 1 : -1].tolist() == first[: small.context_length - slot - 2]


def test_a_template_without_a_place_for_text_is_the_same_for_all(clip: Tokenizer) -> None:
    found = clip.encode(["red", "blue " * 100], template=Template.parse("a photo of *"))
    assert (found.ids[0] == found.ids[1]).all() and not found.truncated.any()
    assert found.ids[0, 5] == clip.end


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a photo", "no place for anything"),
        ("* and *", r"more than one \*"),
        ("{text} * {text}", r"more than one \{text\}"),
        ("{text} of *", r"put \{text\} after it"),
        ("", "no place"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_in_one_sentence(written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        Template.parse(written)
    assert "\n" not in str(raised.value)


def test_a_slot_beyond_the_context_is_refused(small: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="write less before it"):
        small.encode(["red"], template=Template.parse("dress " * 20 + "* {text}"))


def test_between_the_parts_of_a_text_stand_pseudo_words(small: Tokenizer) -> None:
    ids, places = small.encode_parts([["a", "with long", ""], ["", ""], ["red"], ["red dress " * 20, "a"]])
    for row, parts in enumerate((["a", "with long", ""], ["", ""])):
        words = [small.encode([part]).ids[0].tolist() for part in parts]
        wanted = [small.encode([""]).ids[0, 0]]
        for number, part in enumerate(words):
            wanted += [PLACEHOLDER_ID] * bool(number) + part[1 : part.index(small.end)]
        assert ids[row, : len(wanted) + 1].tolist() == [*wanted, small.end]
        assert places[row].nonzero()[0].tolist() == [
            column for column, id in enumerate(wanted) if id == PLACEHOLDER_ID and column
        ]
    assert ids[2].tolist() == small.encode(["red"]).ids[0].tolist() and not places[2].any()
    assert ids[3].tolist() == small.encode(["red dress " * 20]).ids[0].tolist()  # cut before its place
    assert not places[3].any()


def cheapest(lengths: NDArray[np.int64]) -> int:
    """The least cost of all ways to cut the ordered lengths into groups."""
    ordered = np.sort(lengths)
    costs = []
    for cuts in range(len(ordered)):
        for places in combinations(range(1, len(ordered)), cuts):
            parts = np.split(ordered, places)
            costs.append(sum(len(part) * int(part[-1]) + _RUN_TOKENS for part in parts))
    return min(costs)


@pytest.mark.parametrize("seed", range(20))
def test_the_groups_are_the_cheapest_of_all(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, 20, int(generator.integers(1, 9))) * 4
    groups = grouped_by_length(lengths)
    assert sorted(np.concatenate([rows for rows, _ in groups]).tolist()) == list(range(len(lengths)))
    assert all(int(lengths[rows].max()) == length for rows, length in groups)
    assert sum(len(rows) * length + _RUN_TOKENS for rows, length in groups) == cheapest(lengths)


def test_texts_of_one_length_are_one_group() -> None:
    assert len(grouped_by_length(np.full(16, 8))) == 1


def test_one_long_text_does_not_pad_the_others() -> None:
    lengths = np.full(16, 8)
    lengths[5] = 76
    (short, _), (long, columns) = grouped_by_length(lengths)
    assert long.tolist() == [5] and columns == 76 and len(short) == 15
