"""Words that a typed one may mean, compared with the distance computed letter by letter."""

import random
from functools import cache

import pytest

from index.lexical.vocabulary import Vocabulary


@cache
def distance(one: str, other: str) -> int:
    """The optimal string alignment distance, as it is defined."""
    if not one or not other:
        return len(one) + len(other)
    ways = [
        distance(one[:-1], other) + 1,
        distance(one, other[:-1]) + 1,
        distance(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    ]
    if one[-2:] == other[-2:][::-1] and len(one) > 1 and len(other) > 1:
        ways.append(distance(one[:-2], other[:-2]) + 1)
    return min(ways)


def forgiven(typed: str) -> int:
    return 2 if len(typed) >= 8 else 1 if len(typed) >= 4 else 0


@pytest.mark.parametrize("is_prefix", [False, True])
def test_the_nearest_words_are_those_of_the_naive_distance(is_prefix: bool) -> None:
    generator = random.Random(5)
    words = list(dict.fromkeys("".join(generator.choices("abcé", k=generator.randint(2, 12))) for _ in range(100)))
    vocabulary = Vocabulary(words)
    for _ in range(25):
        typed = "".join(generator.choices("abcé", k=generator.randint(3, 10)))
        expected = {}
        for word in words:
            others = [word[:end] for end in range(len(word) + 1)] if is_prefix else [word]
            slips = min(distance(typed, other) for other in others)
            if 0 < slips <= forgiven(typed):
                expected[word] = slips
        near = vocabulary.near(typed, is_prefix=is_prefix, most=1000)
        assert dict(near) == expected
        assert [slips for _, slips in near] == sorted(expected.values())


def test_frequent_words_come_first_and_codes_never() -> None:
    vocabulary = Vocabulary(["shirt", "skirt", "12345"])
    assert vocabulary.near("sirt", is_prefix=False, most=5) == [("shirt", 1), ("skirt", 1)]
    assert vocabulary.near("sirt", is_prefix=False, most=1) == [("shirt", 1)]
    assert vocabulary.near("1234", is_prefix=False, most=5) == []


def test_odd_words_have_no_neighbours() -> None:
    vocabulary = Vocabulary(["a" * 40, "ab"])
    assert vocabulary.near("a" * 60, is_prefix=True, most=5) == [] == vocabulary.near("abc", is_prefix=True, most=5)
    assert Vocabulary([]).near("abcd", is_prefix=True, most=5) == []
