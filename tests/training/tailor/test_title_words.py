"""Words of titles that the images show, and that no column says."""

import numpy as np

from models.arrays import normalised
from training.tailor import title_words
from training.tailor.source import ShopItem

COUNT = 400


def test_words_that_images_show_and_no_column_says_are_chosen() -> None:
    random = np.random.Generator(np.random.PCG64(2))
    colours, fabrics, striped = random.integers(0, 3, COUNT), random.integers(0, 2, COUNT), random.random(COUNT) < 0.3
    vectors = random.normal(size=(COUNT, 16), scale=0.1)
    vectors[np.arange(COUNT), colours] += 1
    vectors[np.flatnonzero(striped), 8] += 1
    items = []
    for row in range(COUNT):
        colour, fabric = ("red", "blue", "green")[colours[row]], ("linen", "cotton")[fabrics[row]]
        title = f"Fjord {colour} {'striped ' if striped[row] else ''}{fabric} shirt for men"
        items.append(ShopItem(str(row), f"{row}.png", {"title": title, "colour": colour.title(), "brand": "Fjord"}))
    unit = normalised(vectors.astype(np.float32))
    assert set(title_words.choose(items, unit, ["colour"], seed=1)) == {"striped"}  # the fabric cannot be seen
    bare = [ShopItem(item.id, item.image, {"title": item.attributes["title"]}) for item in items]
    assert set(title_words.choose(bare, unit, [], seed=1)) == {"red", "blue", "green", "striped"}


def test_words_are_letters_and_mean_something() -> None:
    assert title_words.words("Robe à pois, No. 5 with the 100% Étoile") == {"robe", "pois", "étoile"}
