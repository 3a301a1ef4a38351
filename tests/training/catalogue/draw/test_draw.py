"""Drawings: the same on every machine, with every attribute, each change visible."""

import hashlib
from collections.abc import Iterator
from random import Random

import cairocffi
import numpy as np
import pytest
from numpy.typing import NDArray

from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.draw import DRAWINGS, draw
from training.catalogue.draw.fabric import Fabric, contrast
from training.catalogue.draw.palette import NAMED, distance
from training.catalogue.world.world import CATEGORIES, COLOURS, PATTERNS, PLAIN, Product

# Coarse digest of a few images: a change of the drawings changes it, and must be made on purpose.
PINNED = "94563a0e91be12249b388c7638ee5a63fc4f823cd94a9f442d8152722ca005dc"

GARMENTS = [name for name, category in CATEGORIES.items() if category.department == "garment"]


def product(category: str, seed: int = 3, /, **look: str) -> Product:
    """Return a plain grey product with the first value of each attribute, except for `look`."""
    first = {name: values[0] for name, values in CATEGORIES[category].attributes.items()}
    return Product(
        id=f"{category}-{seed}",
        category=category,
        look={"colour": "grey", "pattern": PLAIN, **first, **look},
        brand="Alder",
        price=10.0,
        in_stock=True,
        audience="everyone",
        picture_seed=seed,
    )


def every_value() -> Iterator[tuple[str, str, str]]:
    for category, facts in CATEGORIES.items():
        for name, values in facts.attributes.items():
            for value in values:
                yield category, name, value


def changed_pixels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Return how many pixels differ by more than 24 of 255 in some channel."""
    return int((np.abs(one.astype(int) - other.astype(int)).max(axis=-1) > 24).sum())


def test_every_category_has_a_drawing() -> None:
    assert set(DRAWINGS) == set(CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_same_product_gives_the_same_bytes(category: str) -> None:
    first = draw(product(category, pattern="floral", second_colour="red"), size=64)
    draw(product(category, 9), size=64)  # nothing remains from another image
    assert np.array_equal(first, draw(product(category, pattern="floral", second_colour="red"), size=64))


def test_another_seed_changes_the_picture_only() -> None:
    assert changed_pixels(draw(product("coat"), size=96), draw(product("coat", 4), size=96)) > 500


def test_the_coarse_form_of_the_pictures_is_pinned() -> None:
    digest = hashlib.sha256()
    for seed, category in enumerate(GARMENTS):
        pattern = PATTERNS[seed % len(PATTERNS)]
        second = {} if pattern == PLAIN else {"second_colour": "navy"}
        picture = draw(product(category, seed, colour="yellow", pattern=pattern, **second), size=128)
        # Means of 4×4 pixels in steps of 16: the last bit of an edge may differ between versions of the library.
        coarse = picture.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3)).astype(np.uint8) >> 4
        digest.update(coarse.tobytes())
    assert digest.hexdigest() == PINNED


@pytest.mark.parametrize(("category", "name", "value"), list(every_value()))
def test_every_value_is_drawn_and_seen(category: str, name: str, value: str) -> None:
    shown = draw(product(category, **{name: value}), size=96)
    for other in CATEGORIES[category].attributes[name]:
        if other != value:
            # The smallest change, a collar's shape, is about a patch of 8 by 8 pixels.
            assert changed_pixels(shown, draw(product(category, **{name: other}), size=96)) > 60


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_pattern_is_seen_on_every_category(category: str) -> None:
    pictures = [draw(product(category, colour="white"), size=96)]
    for pattern in PATTERNS[1:]:
        pictures.append(draw(product(category, colour="white", pattern=pattern, second_colour="blue"), size=96))
    for place, picture in enumerate(pictures):
        for other in pictures[:place]:
            assert changed_pixels(picture, other) > 150


@pytest.mark.parametrize("category", GARMENTS)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_plain_garment_looks_nearest_to_its_named_colour(category: str, colour: str) -> None:
    for seed in (1, 2):
        look = {name: values[-1] for name, values in CATEGORIES[category].attributes.items()}
        bare = draw(product(category, seed, **{**look, "colour": "white"}), size=96).astype(int)
        shown = draw(product(category, seed, **{**look, "colour": colour}), size=96)
        other = draw(product(category, seed, **{**look, "colour": "green"}), size=96).astype(int)
        # What changes with the colour is the garment; its median is its colour.
        garment = np.abs(bare - other).max(axis=-1) > 120
        red, green, blue = (float(channel) / 255 for channel in np.median(shown[garment], axis=0))
        assert min(NAMED, key=lambda name: distance(NAMED[name], (red, green, blue))) == colour


@pytest.mark.parametrize("category", GARMENTS)
def test_the_first_colour_covers_more_than_the_second(category: str) -> None:
    look = {name: values[-1] for name, values in CATEGORIES[category].attributes.items()}
    for pattern in PATTERNS[1:]:
        picture = draw(product(category, colour="red", pattern=pattern, second_colour="blue", **look), size=96) / 255.0
        near = {
            name: ((picture - np.array(NAMED[name])) ** 2).sum(axis=-1) < 0.12 for name in ("red", "blue")
        }  # (S, S) each
        assert near["red"].sum() > near["blue"].sum() > 100


@pytest.mark.parametrize("size", [1, 32, 96, 131, 512])
def test_any_size_works(size: int) -> None:
    for category in CATEGORIES:
        picture = draw(product(category), size=size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8


def test_a_product_stays_within_its_frame() -> None:
    pose = cairocffi.Matrix(xx=0.5, yy=0.5, x0=25, y0=25)  # half as large, so that cut-off parts would show
    cloth = Fabric(colour=(1, 0, 0), second=(0, 0, 1), pattern="striped", scale=1, phase=0, texture="smooth")
    for category, name, value in every_value():
        canvas = Canvas(size=96, pose=pose, light=0.0)
        one = product(category, **{name: value})
        DRAWINGS[category](canvas, one, cloth, Random(0))
        alpha = np.frombuffer(canvas.surface.get_data(), dtype=np.uint32).reshape(96, 96) >> 24
        assert not alpha[:23].any() and not alpha[73:].any()
        assert not alpha[:, :23].any() and not alpha[:, 73:].any()


def test_details_stand_out_from_any_fabric() -> None:
    for first in NAMED.values():
        for second in (None, *NAMED.values()):
            pattern = PLAIN if second is None else "striped"
            cloth = Fabric(colour=first, second=second, pattern=pattern, scale=1, phase=0, texture="smooth")
            assert all(distance(contrast(cloth), ground) > 0.35 for ground in (first, second) if ground is not None)


@pytest.mark.parametrize(
    "data", ["", "1 2 L3 4", "M1 2 H3", "M1 2 l3 4", "M1 2 L3", "M1 2 Z 3 4", "M0 0 A1 1 0 0 0 2 2"]
)
def test_path_data_beyond_the_five_letters_is_refused(data: str) -> None:
    canvas = Canvas(size=8, pose=cairocffi.Matrix(), light=0.0)
    with pytest.raises(ValueError, match="path data"):
        canvas.path(data)


def test_a_quadratic_curve_is_the_cubic_that_it_equals() -> None:
    canvas = Canvas(size=100, pose=cairocffi.Matrix(), light=0.0)
    canvas.path("M0 0 Q30 60 90 0")
    quadratic = canvas.context.copy_path()
    canvas.path("M0 0 C20 40 50 40 90 0")
    assert list(quadratic) == list(canvas.context.copy_path())
