"""Bootstrap intervals against a plain loop."""

import numpy as np

from training.metrics import bootstrap


def test_a_bootstrap_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    random = np.random.Generator(np.random.PCG64(0))
    few, many = random.random(50), random.random(5_000)
    (low, high), (lower, higher) = bootstrap.interval(few), bootstrap.interval(many)
    assert low < few.mean() < high
    assert lower < many.mean() < higher
    assert higher - lower < (high - low) / 5
    assert bootstrap.interval(few) == (low, high)  # the seed is fixed


def test_an_interval_equals_a_plain_bootstrap() -> None:
    values = np.random.Generator(np.random.PCG64(5)).random(40)
    random = np.random.Generator(np.random.PCG64(0))
    drawn = [values[random.integers(0, 40, 40)].mean() for _ in range(bootstrap.RESAMPLES)]
    np.testing.assert_allclose(bootstrap.interval(values), np.quantile(drawn, [0.025, 0.975]), atol=1e-9)
