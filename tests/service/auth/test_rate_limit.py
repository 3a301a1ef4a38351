"""The token bucket against a naive count: never more than so many a second and so many at once."""

import math

from hypothesis import given
from hypothesis import strategies as st

from service.auth.rate_limit import TokenBucket

STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 6)), max_size=60)


@given(st.floats(0.1, 20), st.integers(1, 8), STEPS)
def test_no_stretch_of_time_sees_more_than_rate_and_burst_allow(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now, taken = TokenBucket(rate_per_s=rate, burst=burst), 1000.0, []
    for pause, count in steps:
        now += pause
        if bucket.take(count, now_s=now) == 0:
            taken.append((now, count))
    for first, (began, _) in enumerate(taken):
        for last in range(first, len(taken)):
            # the last may have been lent more than the bucket held
            allowed = burst + (taken[last][0] - began) * rate + max(0, taken[last][1] - burst)
            assert sum(count for _, count in taken[first : last + 1]) <= allowed + 1e-6


@given(st.floats(0.1, 20), st.integers(1, 8), st.integers(1, 30))
def test_whoever_waits_as_long_as_told_is_let_in_and_nobody_earlier(rate: float, burst: int, count: int) -> None:
    bucket, now = TokenBucket(rate_per_s=rate, burst=burst), 50.0
    assert bucket.take(max(count, burst), now_s=now) == 0  # all that there is
    wait = bucket.take(count, now_s=now)
    assert wait > 0
    assert bucket.take(count, now_s=now + wait * 0.99) > 0
    assert bucket.take(count, now_s=now + math.ceil(wait)) == 0


def test_a_pause_saves_no_more_than_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=3)
    assert [bucket.take(1, now_s=1e6) for _ in range(4)] == [0, 0, 0, 0.5]
    assert [bucket.take(1, now_s=2e6) for _ in range(4)] == [0, 0, 0, 0.5]
