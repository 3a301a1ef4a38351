"""Rounding for a compact bundle: what was rounded is recognised, stored small, and given back bit by bit."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.bundles.compact import round_to_8_bits, stored


def back(value: NDArray[np.float32]) -> NDArray[np.generic]:
    """Return what a bundle gives for a value, by the way it is stored."""
    small = stored(value)
    data = small.data.astype(np.float32)
    return data if small.scales is None else data * small.scales


@pytest.mark.parametrize("shape", [(5, 7), (64, 48), (6, 4, 3, 3)])
@pytest.mark.parametrize("size", [0.01, 1.0, 300.0])
def test_a_matrix_in_8_bits_is_recognised_either_way_round(shape: tuple[int, ...], size: float) -> None:
    torch.manual_seed(1)
    weight = torch.randn(shape) * size
    rounded = weight.clone()
    round_to_8_bits(rounded)
    assert (rounded - weight).abs().max() <= weight.flatten(1).abs().max() / 250
    for value in (rounded.numpy(), rounded.numpy().T) if len(shape) == 2 else (rounded.numpy(),):
        small = stored(value)
        assert small.data.dtype == np.int8 and np.array_equal(back(value), value)


def test_a_matrix_of_half_precision_is_recognised() -> None:
    value = torch.randn(8, 9).half().float().numpy()
    assert stored(value).data.dtype == np.float16 and np.array_equal(back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32),
        np.full((2, 2), 1e30, np.float32),
        np.array([np.pi], np.float32),
        np.array([[0.0, -np.inf]], np.float32),
        np.zeros((0, 3), np.float32),
    ],
)
def test_any_other_tensor_stays_as_it_is(value: NDArray[np.float32]) -> None:
    assert np.array_equal(back(value), value) and (not value.size or stored(value).data.dtype != np.float16)


def test_rows_of_zeros_stay_zeros() -> None:
    weight = torch.randn(4, 6)
    weight[2] = 0
    round_to_8_bits(weight)
    assert not weight[2].any() and np.array_equal(back(weight.numpy()), weight.numpy())
