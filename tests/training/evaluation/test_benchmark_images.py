"""A benchmark's images: GeneCIS's boxes against the authors' arithmetic on arrays, and unreadable files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models import preprocess
from models.errors import InputError
from tests.training.evaluation import synthetic
from training.evaluation import benchmark_images
from training.evaluation.benchmarks.benchmark import BenchmarkImage

WIDTH, HEIGHT = 60, 40


@given(st.integers(0, 50), st.integers(0, 30), st.integers(1, 40), st.integers(1, 40))
def test_a_box_is_longer_to_the_left_and_the_top_on_a_black_square(
    left: int, top: int, width: int, height: int
) -> None:
    whole = np.random.Generator(np.random.PCG64(0)).integers(1, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)  # no black
    found = np.asarray(benchmark_images.cropped(Image.fromarray(whole), (left, top, width, height)))
    x0, y0 = max(0, left - 0.7 * width), max(0, top - 0.7 * height)
    x1, y1 = min(WIDTH, x0 + 1.7 * width), min(HEIGHT, y0 + 1.7 * height)
    part = whole[round(y0) : round(y1), round(x0) : round(x1)]
    side = max(part.shape[:2])
    assert found.shape == (side, side, 3)
    expected = np.zeros((side, side, 3), dtype=np.uint8)
    down, across = (side - part.shape[0]) // 2, (side - part.shape[1]) // 2
    expected[down : down + part.shape[0], across : across + part.shape[1]] = part
    np.testing.assert_array_equal(found, expected)


def test_pixels_are_those_of_the_one_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    synthetic.picture(path, seed=3, size=(90, 70))
    expected = preprocess.pixels(preprocess.decode(path.read_bytes()), preprocess.Resize(32))
    np.testing.assert_array_equal(benchmark_images.pixels(BenchmarkImage(path), preprocess.Resize(32)), expected)
    box = (10.0, 10.0, 30.0, 20.0)
    cut = benchmark_images.cropped(preprocess.decode(path.read_bytes()), box)
    np.testing.assert_array_equal(
        benchmark_images.pixels(BenchmarkImage(path, box), preprocess.Resize(32)),
        preprocess.pixels(cut, preprocess.Resize(32)),
    )


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("text.jpg", "none.jpg"):
        with pytest.raises(InputError, match=rf"{name} cannot be read"):
            benchmark_images.image(BenchmarkImage(tmp_path / name))
    synthetic.picture(tmp_path / "small.jpg", seed=1, size=(20, 20))
    with pytest.raises(InputError, match="lies outside of its 20×20 pixels"):
        benchmark_images.image(BenchmarkImage(tmp_path / "small.jpg", (90.0, 90.0, 5.0, 5.0)))
