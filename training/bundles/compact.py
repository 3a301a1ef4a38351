"""Weights rounded so that a bundle stores them in half precision or in 8 bits, and the lossless way there and back.

A matrix in 8 bits is whole numbers −127…127 times a scale for each row, of an output. The scales have half precision,
so that the products are exact in float32, and what was rounded once is recognised by its values.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_LEVELS = 127
_MOST = 65_504.0  # the largest number of half precision


class Stored(NamedTuple):
    """A tensor as it is stored; with `scales` the value is data · scales."""

    data: NDArray[np.generic]
    scales: NDArray[np.float32] | None = None


@torch.no_grad()
def round_to_half(module: nn.Module) -> None:
    """Round all matrices of the module to half precision; vectors, as biases and norms, stay as they are."""
    for tensor in module.state_dict().values():  # not the mean and the standard deviation, which are no weights
        if tensor.ndim > 1 and tensor.dtype == torch.float32:
            tensor.copy_(tensor.half().float())


@torch.no_grad()
def round_to_8_bits(weight: Tensor) -> None:
    """Round a matrix or a convolution (out, …) to 8 bits and a scale for each output."""
    flat = weight.flatten(1)  # (out, n)
    scales = (flat.abs().amax(dim=1, keepdim=True) / _LEVELS).half().float().clamp(min=2.0**-24)
    codes = (flat / scales).round().clamp(-_LEVELS, _LEVELS)
    weight.copy_((codes * scales).view_as(weight))


def stored(value: NDArray[np.generic]) -> Stored:
    """Return a tensor in half precision or in 8 bits if that is exact, else as it is."""
    if value.dtype != np.float32 or not value.size or not np.isfinite(value).all():
        return Stored(value)
    if np.abs(value).max() <= _MOST:
        half = value.astype(np.float16)
        if np.array_equal(half.astype(np.float32), value):
            return Stored(half)
    for axes in _rests(value.ndim):
        scales = np.abs(value).max(axis=axes, keepdims=True).astype(np.float32) / np.float32(_LEVELS)
        with np.errstate(divide="ignore", invalid="ignore"):
            codes = np.nan_to_num(np.rint(value / scales)).astype(np.int8)
        if np.array_equal(codes.astype(np.float32) * scales, value):
            return Stored(codes, scales)
    return Stored(value)


def unsigned(codes: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return codes −127…127 as 1…255, in C order, as MatMulNBits reads them."""
    return np.ascontiguousarray(codes.astype(np.int16) + 128).astype(np.uint8)


def _rests(dimensions: int) -> Iterator[tuple[int, ...]]:
    """Yield all axes but that of the outputs: the first, or in a matrix the other way round the second."""
    if dimensions > 1:
        yield tuple(range(1, dimensions))
    if dimensions == 2:
        yield (0,)
