"""The attributes that a shop's texts are about: few values, and seen in the images."""

import numpy as np
import pytest

from models.arrays import Embeddings, normalised
from models.errors import ConfigError
from training.tailor import attributes
from training.tailor.source import ShopItem

COUNT = 200


def items() -> tuple[list[ShopItem], Embeddings]:
    """Return products whose embeddings show colour and kind; the audience follows from the kind alone."""
    random = np.random.Generator(np.random.PCG64(1))
    colours, kinds = random.integers(0, 4, COUNT), random.integers(0, 2, COUNT)
    vectors = random.normal(size=(COUNT, 16), scale=0.1)
    vectors[np.arange(COUNT), colours] += 1
    vectors[np.arange(COUNT), 8 + kinds] += 1
    made = []
    for row, (colour, kind) in enumerate(zip(colours, kinds, strict=True)):
        audience = "women" if random.random() < (0.9 if kind else 0.4) else "men"
        cells: dict[str, object] = {
            "title": f"Product {row}",
            "Colour": ("Red", "blue", "green", "grey")[colour],
            "category": ("mug", "dress")[kind],
            "audience": audience,
            "lucky": bool(random.integers(0, 2)),
            "brand": ("Fjord", "Linden")[kind],
            "price": float(row),
            "doors": 2,
            "origin": "Portugal",
            "remark": f"made on day {row}",
        }
        made.append(ShopItem(str(row), f"{row}.png", cells))
    return made, normalised(vectors.astype(np.float32))


def test_what_images_show_is_chosen_and_the_rest_has_its_reason() -> None:
    made, vectors = items()
    chosen = attributes.choose(made, vectors, only=(), without=(), seed=1)
    assert set(chosen.shown) == {"Colour", "category"}
    assert min(chosen.shown.values()) > 0.9
    assert chosen.left_out["brand"] == chosen.left_out["title"] == "its name says that no image shows it"
    assert chosen.left_out["origin"] == "all products have the same value"
    assert chosen.left_out["remark"] == "nearly every product has another value"
    assert chosen.left_out["doors"] == "it has numbers"
    assert chosen.left_out["lucky"].startswith("the images show")
    assert chosen.left_out["audience"].startswith("the images show")


def test_named_attributes_are_used_and_others_left_out() -> None:
    made, vectors = items()
    chosen = attributes.choose(made, vectors, only=("Colour", "lucky"), without=(), seed=1)
    assert set(chosen.shown) == {"Colour", "lucky"}
    assert set(attributes.choose(made, vectors, only=(), without=("Colour",), seed=1).shown) == {"category"}
    with pytest.raises(ConfigError, match="no product has an attribute 'color': the attributes are title, Colour"):
        attributes.choose(made, vectors, only=("color",), without=(), seed=1)


def test_values_are_texts_whatever_the_cell() -> None:
    assert attributes.value(" Light  Blue ") == "light blue"
    assert attributes.value(True) == "yes"
    assert attributes.value(["Red", "blue"]) == "blue and red"
    assert attributes.value(None) == attributes.value(3.5) == ""
