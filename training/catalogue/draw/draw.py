"""Draw a product: the one entry point from a product to its image."""

from collections.abc import Mapping
from random import Random

import cairocffi
import numpy as np
from numpy.typing import NDArray

from training.catalogue.draw import bags, bottoms, dresses, footwear, hats, homeware, outerwear, tops
from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import fabric
from training.catalogue.draw.scene import compose, scene
from training.catalogue.world.world import Product

DRAWINGS: Mapping[str, Drawing] = {
    **tops.DRAWINGS,
    **outerwear.DRAWINGS,
    **dresses.DRAWINGS,
    **bottoms.DRAWINGS,
    **footwear.DRAWINGS,
    **bags.DRAWINGS,
    **hats.DRAWINGS,
    **homeware.DRAWINGS,
}


def draw(product: Product, *, size: int) -> NDArray[np.uint8]:
    """Return the product's image, (S, S, 3) RGB: the same bytes for the same product and size."""
    random = Random(product.picture_seed)
    place = scene(product.look["colour"], random)
    cloth = fabric(product, random)
    canvas = Canvas(size=size, pose=place.pose, light=place.light)
    DRAWINGS[product.category](canvas, product, cloth, random)
    return _array(compose(canvas, place))


def _array(image: cairocffi.ImageSurface) -> NDArray[np.uint8]:
    image.flush()
    size = image.get_width()
    words = np.frombuffer(image.get_data(), dtype=np.uint32).reshape(size, -1)  # (S, S), 0x00RRGGBB each
    return np.stack([words >> 16, words >> 8, words], axis=-1).astype(np.uint8)  # keeps the lowest byte of each
