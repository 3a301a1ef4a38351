"""Shoes, bags, hats and homeware: every value is visible, and nothing leaves the image."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from random import Random

import cairocffi
import numpy as np
import pytest
from numpy.typing import NDArray

from training.catalogue.draw import bags, footwear, hats, homeware
from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.draw import draw
from training.catalogue.draw.fabric import Fabric
from training.catalogue.world.world import CATEGORIES, PLAIN, Product

DRAWINGS: Mapping[str, Callable[[Canvas, Product, Fabric, Random], None]] = {
    **footwear.DRAWINGS,
    **bags.DRAWINGS,
    **hats.DRAWINGS,
    **homeware.DRAWINGS,
}
DEPARTMENTS = {"shoe", "bag", "hat", "homeware"}

LEAST_CHANGED = 150  # of the 9 216 pixels at 96 px, those that one attribute changes by more than 24 levels
LEAST_COVERED = 0.18  # share of the image in the fabric's own colour, for the smallest product (an ankle boot)
USUALLY_COVERED = 0.35  # and on average, for anything but shoes
LEAST_OF_EACH = 0.06  # share of the image in either colour of a colour-block


def of(category: str, look: Mapping[str, str], *, seed: int = 7, colour: str = "red") -> Product:
    """Return a plain product of the look, its image from the seed."""
    looks = {"colour": colour, "pattern": PLAIN, **look}
    return Product("p", category, looks, "Alder", 10.0, True, "everyone", seed)


def looks(category: str) -> Iterator[dict[str, str]]:
    """Return every combination of the category's attribute values."""
    attributes = CATEGORIES[category].attributes
    for values in itertools.product(*attributes.values()):
        yield dict(zip(attributes, values, strict=True))


def alpha(category: str, look: Mapping[str, str], *, scale: float = 1.0) -> NDArray[np.uint8]:
    """Return the opacity of the drawing alone, (100, 100), drawn at `scale` around the centre."""
    pose = cairocffi.Matrix()
    pose.translate(50, 50)
    pose.scale(scale, scale)
    pose.translate(-50, -50)
    return _drawn(category, look, (0.86, 0.09, 0.12), pose)[..., 3]


def covered(category: str, look: Mapping[str, str]) -> float:
    """Return the share of the image that has the fabric's colour: the pixels that another colour would change."""
    red = _drawn(category, look, (0.8, 0.1, 0.1), cairocffi.Matrix()).astype(int)
    blue = _drawn(category, look, (0.1, 0.1, 0.8), cairocffi.Matrix()).astype(int)
    return float((np.abs(red - blue).max(axis=-1) > 80).mean())


def _drawn(
    category: str, look: Mapping[str, str], colour: tuple[float, float, float], pose: cairocffi.Matrix
) -> NDArray[np.uint8]:
    canvas = Canvas(size=100, pose=pose, light=0.3)
    fabric = Fabric(colour=colour, second=None, pattern=PLAIN, scale=1.0, phase=0.0, texture="smooth")
    DRAWINGS[category](canvas, of(category, look), fabric, Random(3))
    canvas.surface.flush()
    return np.frombuffer(canvas.surface.get_data(), dtype=np.uint8).reshape(100, 100, 4).copy()


def test_every_category_of_these_departments_is_drawn() -> None:
    wanted = {name for name, category in CATEGORIES.items() if category.department in DEPARTMENTS}
    assert set(DRAWINGS) == wanted


@pytest.mark.parametrize("colour", ["red", "white", "black"])
@pytest.mark.parametrize("category", DRAWINGS)
def test_changing_one_attribute_changes_the_picture(category: str, colour: str) -> None:
    products = {tuple(look.values()): of(category, look, colour=colour) for look in looks(category)}
    pictures = {values: draw(product, size=96).astype(int) for values, product in products.items()}
    for one, other in itertools.combinations(pictures, 2):
        if sum(a != b for a, b in zip(one, other, strict=True)) != 1:
            continue
        changed = (np.abs(pictures[one] - pictures[other]).max(axis=-1) > 24).sum()
        assert changed > LEAST_CHANGED, f"{category}: {one} and {other} differ in {changed} pixels"


@pytest.mark.parametrize("category", DRAWINGS)
def test_a_drawing_stays_within_its_hundred_units(category: str) -> None:
    for look in looks(category):
        outside = alpha(category, look, scale=0.5)
        outside[25:75, 25:75] = 0
        assert not outside.any(), f"{category} {look} leaves the picture"


@pytest.mark.parametrize("category", DRAWINGS)
def test_the_fabric_fills_enough_of_the_picture_to_be_read(category: str) -> None:
    parts = [covered(category, look) for look in looks(category)]
    assert min(parts) > LEAST_COVERED
    if CATEGORIES[category].department != "shoe":
        assert sum(parts) / len(parts) > USUALLY_COVERED


@pytest.mark.parametrize("category", DRAWINGS)
def test_a_seed_always_gives_the_same_picture(category: str) -> None:
    look = next(looks(category))
    first = draw(of(category, look, seed=11), size=64)
    assert np.array_equal(first, draw(of(category, look, seed=11), size=64))
    assert not np.array_equal(first, draw(of(category, look, seed=12), size=64))


@pytest.mark.parametrize("category", DRAWINGS)
def test_a_colour_block_shows_both_of_its_colours(category: str) -> None:
    for look in looks(category):
        canvas = Canvas(size=100, pose=cairocffi.Matrix(), light=0.0)
        fabric = Fabric((0.9, 0.1, 0.1), (0.1, 0.1, 0.9), "colour-block", scale=1.0, phase=0.0, texture="smooth")
        DRAWINGS[category](canvas, of(category, look), fabric, Random(5))
        canvas.surface.flush()
        blue, _, red, _ = np.frombuffer(canvas.surface.get_data(), dtype=np.uint8).reshape(-1, 4).astype(int).T
        for first, second in ((red, blue), (blue, red)):
            assert (first > second + 60).mean() > LEAST_OF_EACH, f"{category} {look}"
