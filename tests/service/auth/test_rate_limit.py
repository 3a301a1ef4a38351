"""The token bucket against a naive count of the tokens in every interval."""

import math

from hypothesis import given
from hypothesis import strategies as st

from service.auth.rate_limit import TokenBucket

STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 6)), max_size=60)


@given(st.floats(0.1, 20), st.integers(1, 8), STEPS)
def test_no_interval_exceeds_rate_and_burst(rate: float, burst: int, steps: list[tuple[float, int]]) -> None:
    bucket, now, taken = TokenBucket(rate_per_s=rate, burst=burst), 1000.0, []
    for pause, count in steps:
        now += pause
        if bucket.take(count, now_s=now) == 0:
            taken.append((now, count))
    for first, (began, _) in enumerate(taken):
        for last in range(first, len(taken)):
            # the last may have taken more than the bucket held
            allowed = burst + (taken[last][0] - began) * rate + max(0, taken[last][1] - burst)
            assert sum(count for _, count in taken[first : last + 1]) <= allowed + 1e-6


@given(st.floats(0.1, 20), st.integers(1, 8), st.integers(1, 30))
def test_the_returned_wait_is_exactly_long_enough(rate: float, burst: int, count: int) -> None:
    bucket, now = TokenBucket(rate_per_s=rate, burst=burst), 50.0
    assert bucket.take(max(count, burst), now_s=now) == 0  # all tokens
    wait = bucket.take(count, now_s=now)
    assert wait > 0
    assert bucket.take(count, now_s=now + wait * 0.99) > 0
    assert bucket.take(count, now_s=now + math.ceil(wait)) == 0


def test_a_pause_never_saves_more_than_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=3)
    assert [bucket.take(1, now_s=1e6) for _ in range(4)] == [0, 0, 0, 0.5]
    assert [bucket.take(1, now_s=2e6) for _ in range(4)] == [0, 0, 0, 0.5]


@given(st.floats(0.1, 20), st.integers(1, 8), st.integers(1, 30), st.floats(0, 5))
def test_tokens_in_two_steps_are_as_many_as_in_one(rate: float, burst: int, count: int, pause: float) -> None:
    once, twice = TokenBucket(rate_per_s=rate, burst=burst), TokenBucket(rate_per_s=rate, burst=burst)
    for bucket in (once, twice):
        bucket.take(burst, now_s=1000)
    now = 1000 + pause
    wait = once.take(count, now_s=now)
    first = twice.take(1, now_s=now)
    if first:
        assert wait >= first
    else:
        assert abs(twice.take(count - 1, now_s=now, before=1) - wait) < 1e-6
