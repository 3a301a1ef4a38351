"""Batches from files are the rows one by one, whatever the workers, the batch or the place where a run resumed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from torch import Tensor

from models import preprocess
from models.errors import InputError
from tests.present import present
from training.data import load
from training.data.batch import CaptionedBatch, TripletBatch
from training.data.images import Images
from training.data.rows import Captioned, Triplets
from training.data.texts import Texts
from training.data.views import views
from training.engine.batch import Batch

Draw = Callable[..., bytes]

COUNT = 150
ORDERS = [np.random.default_rng(0).permutation(COUNT)[:140].reshape(2, 70)[half] for half in range(2)]


def tokenise(texts: list[str]) -> Tensor:
    return torch.tensor([[len(text), ord(text[-1])] for text in texts])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Images:
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    names = [f"{row}.png" for row in range(COUNT)]
    for row, name in enumerate(names):
        noise = np.random.default_rng(row).integers(0, 256, (12 + row % 5, 15, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
    return Images.of_files(names, [str(folder / name) for name in names])


@pytest.fixture(scope="module")
def captioned(pictures: Images) -> Captioned:
    return Captioned(pictures, Texts.from_strings(f"caption {row}" for row in range(COUNT)))


@pytest.fixture(scope="module")
def triplets(pictures: Images) -> Triplets:
    rows = np.arange(COUNT)
    words = ("text", "caption", "target caption")
    texts, captions, target_captions = (Texts.from_strings(f"{word} {row}" for row in rows) for word in words)
    return Triplets(
        pictures, rows, (rows * 7) % COUNT, texts, captions, target_captions, Texts.from_strings(map(str, rows))
    )


def mapped(data: Captioned, orders: list[np.ndarray], *, workers: int = 0, epoch: int = 0) -> list[CaptionedBatch]:
    return list(load.captioned(data, orders, tokenise=tokenise, seed=7, epoch=epoch, size=8, workers=workers))


def composed(data: Triplets, *, share: slice) -> list[TripletBatch]:
    made = load.triplets(
        data, ORDERS, share=share, texts=tokenise, captions=lambda texts: tokenise(texts) + 1, size=8, workers=0
    )
    return list(made)


def joined(batches: Sequence[Batch]) -> dict[str, Tensor]:
    """The rows of several batches, by field."""
    fields = [batch.tensors() for batch in batches]
    return {name: torch.cat([tensors[name] for tensors in fields]) for name in fields[0]}


def same(ours: Sequence[Batch], theirs: Sequence[Batch]) -> bool:
    return all(equal(joined([one]), joined([other])) for one, other in zip(ours, theirs, strict=True))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_mapping_batch_is_its_rows_one_by_one(captioned: Captioned) -> None:
    for order, batch in zip(ORDERS, mapped(captioned, ORDERS, epoch=3), strict=True):
        assert batch.reference.dtype == torch.uint8 and batch.reference.shape == (70, 3, 8, 8)
        assert torch.equal(batch.caption, tokenise([f"caption {row}" for row in order]))
        for place, row in enumerate(order):
            picture = preprocess.decode(captioned.images.read(row))
            reference, target = views(picture, size=8, random=Random(f"7/view/3/{row}"))
            np.testing.assert_array_equal(batch.reference[place].numpy(), reference)
            np.testing.assert_array_equal(batch.target[place].numpy(), target)


def test_a_composing_batch_is_its_rows_one_by_one(triplets: Triplets) -> None:
    made = composed(triplets, share=slice(None))
    for order, batch in zip(ORDERS, made, strict=True):
        assert torch.equal(batch.text, tokenise([f"text {row}" for row in order]))
        assert torch.equal(present(batch.caption), tokenise([f"caption {row}" for row in order]) + 1)
        assert torch.equal(present(batch.target_caption), tokenise([f"target caption {row}" for row in order]) + 1)
        assert present(batch.reference_row).tolist() == triplets.references[order].tolist()
        assert present(batch.target_row).tolist() == triplets.targets[order].tolist()
        for name, rows in (("reference", triplets.references), ("target", triplets.targets)):
            data = [triplets.images.read(int(row)) for row in rows[order]]
            expected = np.stack([preprocess.pixels(preprocess.decode(each), preprocess.Resize(8)) for each in data])
            np.testing.assert_array_equal(batch.tensors()[name].numpy(), expected)


def test_rows_of_one_target_are_no_negatives_of_each_other_on_any_rank(triplets: Triplets) -> None:
    few = replace(triplets, targets=triplets.targets % 30)
    whole, ranks = composed(few, share=slice(None)), [composed(few, share=s) for s in (slice(0, 35), slice(35, 70))]
    for batch, both in zip(whole, zip(*ranks, strict=True), strict=True):
        assert equal(batch.tensors(), joined(both))
    for order, batch in zip(ORDERS, whole, strict=True):
        targets = few.targets[order].tolist()
        expected = [[i != j and targets[i] == targets[j] for j in range(70)] for i in range(70)]
        assert present(batch.satisfied).tolist() == expected and present(batch.satisfied).any()


def test_the_number_of_processes_changes_nothing_but_the_speed(captioned: Captioned) -> None:
    assert same(mapped(captioned, ORDERS), mapped(captioned, ORDERS, workers=2))


def test_a_resumed_run_sees_the_batches_that_were_left(captioned: Captioned) -> None:
    assert same(mapped(captioned, ORDERS)[1:], mapped(captioned, ORDERS[1:]))


def test_a_share_of_a_batch_is_that_part_of_it(captioned: Captioned) -> None:
    whole = mapped(captioned, ORDERS[:1])[0]
    shares = [mapped(captioned, [share])[0] for share in np.split(ORDERS[0], [35])]
    assert equal(whole.tensors(), joined(shares))


def test_another_epoch_has_other_views_of_the_same_rows(captioned: Captioned) -> None:
    one, other = mapped(captioned, ORDERS[:1]), mapped(captioned, ORDERS[:1], epoch=1)
    assert torch.equal(one[0].caption, other[0].caption)
    assert not torch.equal(one[0].target, other[0].target)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_is_broken_is_named_in_one_sentence(tmp_path: Path, draw: Draw, workers: int) -> None:
    (tmp_path / "a.jpg").write_bytes(draw(0))
    (tmp_path / "half.jpg").write_bytes(draw(1)[:-100])
    paths = [str(tmp_path / "a.jpg"), str(tmp_path / "half.jpg")]
    data = Captioned(Images.of_files(["a", "half"], paths), Texts.from_strings(["one", "two"]))
    orders = [np.array([0]), np.array([0, 1])]
    made = load.captioned(data, orders, tokenise=tokenise, seed=7, epoch=0, size=8, workers=workers)
    assert next(made).target.shape == (1, 3, 8, 8)
    with pytest.raises(InputError, match=r"^the image half in .* is broken .*likebut data check") as raised:
        next(made)
    assert "\n" not in str(raised.value)
