"""Eight random pictures and their captions, as the stages of the baselines that make pseudo-words read them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from training.data.batch import ImageBatch
from training.engine.distributed import World

ALONE = World.alone(torch.device("cpu"))
TEXTS = [f"a {colour} dress with {part}" for colour in ("red", "blue") for part in ("long", "sleeves", "a photo", "of")]


class Portraits:
    """Pictures as pixels; validation asks for the same."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(3)
        self.pixels = torch.randint(0, 256, (8, 3, tiny.SIZE, tiny.SIZE), dtype=torch.uint8, generator=draw)

    def __len__(self) -> int:
        return 8

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[ImageBatch]:
        for rows in orders:
            yield ImageBatch(target=self.pixels[rows])

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        return [TEXTS[row] for row in rows]

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        yield from self.pixels.split(3)


def sentence(tokenizer: Tokenizer) -> tuple[Tensor, int]:
    """Token ids (1, L) of "a photo of *", and where its pseudo-word stands."""
    template = Template.parse("a photo of *")
    slot = tokenizer.slot(template)
    assert slot is not None
    return torch.from_numpy(tokenizer.encode([""], template=template).ids)[:, : slot + 2], slot
