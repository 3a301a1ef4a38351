"""Files as training data: what is held out is never trained on, and validation asks about just that."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models import preprocess
from models.errors import ConfigError
from tests.present import present
from training.data.batch import CaptionedBatch
from training.data.datasets import EpochDataset, TripletDataset
from training.data.files import FileCaptions, FileTriplets
from training.data.images import Images
from training.data.order import shuffled
from training.data.rows import Captioned, Triplets
from training.data.texts import Texts

COUNT, HELD_OUT = 40, 9


def tokenise(texts: list[str]) -> Tensor:
    return torch.tensor([[int(text.split()[-1])] for text in texts])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("pictures")
    names = [f"{row}.png" for row in range(COUNT)]
    for row, name in enumerate(names):
        Image.new("RGB", (9, 12), (row, 255 - row, 7)).save(folder / name)
    return Images.of_files(names, [str(folder / name) for name in names])


def captions(pictures: Images, *, seed: int = 3) -> FileCaptions:
    data = Captioned(pictures, Texts.from_strings(f"caption {row}" for row in range(COUNT)))
    return FileCaptions(data, validation=HELD_OUT, tokenise=tokenise, seed=seed, size=8, workers=0)


def triplets(pictures: Images) -> FileTriplets:
    rows = np.arange(COUNT)
    texts, descriptions = (Texts.from_strings(f"{word} {row}" for row in rows) for word in ("text", "caption"))
    data = Triplets(
        pictures, rows, (rows + 1) % COUNT, texts, descriptions, descriptions, Texts.from_strings(map(str, rows))
    )
    return FileTriplets(data, validation=HELD_OUT, texts=tokenise, captions=tokenise, seed=3, size=8, workers=0)


def shown(pixels: Tensor) -> list[int]:
    """Which picture each is, by its colour."""
    return [int(picture[0, 0, 0]) for picture in pixels]


def test_an_epoch_of_captions_is_all_rows_that_are_not_held_out(pictures: Images) -> None:
    data: EpochDataset[CaptionedBatch] = captions(pictures)
    held_out = [row for block in data.validation(batch=4) for row in shown(block)]
    orders = shuffled(len(data), batch=len(data), seed=0, epoch=0)
    trained = [row for batch in data.batches(orders, epoch=0) for row in batch.caption.flatten().tolist()]
    assert len(held_out) == HELD_OUT and len(data) == COUNT - HELD_OUT
    assert sorted(held_out + trained) == list(range(COUNT))


def test_captions_belong_to_their_views(pictures: Images) -> None:
    for batch in captions(pictures).batches([np.arange(5), np.array([30, 2])], epoch=1):
        assert shown(batch.reference) == shown(batch.target) == batch.caption.flatten().tolist()


def test_validation_pictures_are_as_in_serving(pictures: Images) -> None:
    blocks = list(captions(pictures).validation(batch=4))
    assert [len(block) for block in blocks] == [4, 4, 1]
    data = pictures.read(shown(blocks[2])[0])
    np.testing.assert_array_equal(
        blocks[2][0].numpy(), preprocess.pixels(preprocess.decode(data), preprocess.Resize(8))
    )


def test_what_is_held_out_depends_on_the_seed_alone(pictures: Images) -> None:
    one, again, other = (shown(next(captions(pictures, seed=seed).validation(batch=9))) for seed in (3, 3, 4))
    assert one == again != other


def test_triplets_keep_their_parts_together_and_apart_from_the_questions(pictures: Images) -> None:
    data: TripletDataset = triplets(pictures)
    gallery = [row for block in data.gallery(batch=7) for row in shown(block)]
    asked = data.validation_queries
    held_out = asked.texts.flatten().tolist()
    for question, text in enumerate(held_out):
        assert gallery[asked.references[question]] == text
        assert [gallery[row] for row in asked.relevant[question]] == [(text + 1) % COUNT]
    trained: list[int] = []
    orders = data.orders(batch=8, epoch=2)
    for order, batch in zip(orders, data.batches(orders, epoch=2, share=slice(2, 6)), strict=True):
        rows = batch.text.flatten().tolist()
        whole = next(data.batches([order], epoch=2, share=slice(None))).text.flatten().tolist()
        assert rows == whole[2:6] == present(batch.caption).flatten().tolist() == present(batch.reference_row).tolist()
        assert shown(batch.reference) == rows and shown(batch.target) == [(row + 1) % COUNT for row in rows]
        trained += whole
    assert len(set(trained)) == len(trained) == 24 and not set(trained) & set(held_out)


def test_triplets_of_one_pair_of_pictures_are_held_out_together(pictures: Images) -> None:
    rows = np.arange(120)
    references, targets = rows % 5, rows % 7  # 35 pairs, of three or four texts each
    texts = Texts.from_strings(f"text {row}" for row in rows)
    data = Triplets(pictures, references, targets, texts, texts, texts, Texts.from_strings(map(str, rows)))
    loaded = FileTriplets(data, validation=10, texts=tokenise, captions=tokenise, seed=3, size=8, workers=0)
    held_out = set(loaded.validation_queries.texts.flatten().tolist())
    batch = next(loaded.batches([np.arange(len(loaded))], epoch=0, share=slice(None)))
    trained = set(batch.text.flatten().tolist())
    assert held_out | trained == set(range(120)) and 10 <= len(held_out) <= 13
    assert not {(row % 5, row % 7) for row in held_out} & {(row % 5, row % 7) for row in trained}
    one = Triplets(pictures, references * 0, targets * 0, texts, texts, texts, Texts.from_strings(map(str, rows)))
    with pytest.raises(ConfigError, match="holds out 10 of 120 rows"):
        FileTriplets(one, validation=10, texts=tokenise, captions=tokenise, seed=3, size=8, workers=0)


def test_to_hold_out_everything_is_refused(pictures: Images) -> None:
    data = Captioned(pictures, Texts.from_strings(f"caption {row}" for row in range(COUNT)))
    with pytest.raises(ConfigError, match="holds out 40 of 40 rows"):
        FileCaptions(data, validation=COUNT, tokenise=tokenise, seed=3, size=8, workers=0)
