"""What the tests of the nets share: random pictures."""

import pytest
import torch
from torch import Tensor

from tests.models import tiny


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    """uint8 (4, 3, S, S)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (4, 3, tiny.SIZE, tiny.SIZE), dtype=torch.uint8, generator=generator)
