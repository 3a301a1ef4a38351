"""A bundle's answers to free sentences as a picture: which of them a shopper would accept, only an eye can count."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from models.encoder import Encoder
from models.errors import InputError
from training.catalogue.draw.draw import draw
from training.catalogue.world.world import Product
from training.evaluation.drawn_shop import Shop
from training.evaluation.strips import SHOWN, SIDE, Example, sheet

SENTENCES = Path(__file__).with_name("free_sentences.toml")
_QUALITY = 60  # of the JPEG


def write(encoder: Encoder, out: Path, *, products: int, seed: int, cache: Path | None) -> int:
    """Write the sheet as a JPEG, in two columns, and return the number of sentences."""
    shop = Shop.catalogue(products, split="test", seed=seed, resize=encoder.manifest.resize, cache=cache)
    gallery = shop.gallery(encoder)
    examples: list[Example] = []
    for row, text in _sentences(shop):
        if row is None:
            vectors = encoder.texts([text])
        else:
            weight = encoder.manifest.text_weight
            vectors = encoder.queries(np.array(shop.pixels[row : row + 1]), [text], text_weight=weight)
        scores = (vectors @ gallery.T)[0]
        if row is not None:
            scores[row] = -np.inf
        hits = tuple(shop.products[place].id for place in np.argsort(-scores)[:SHOWN])
        reference = "" if row is None else shop.products[row].id
        examples.append(Example(reference, f"{len(examples) + 1}. {text}", hits, (), ""))
    named = {product.id: product for product in shop.products}
    half = -(-len(examples) // 2)
    columns = [
        sheet(part, lambda name: Image.fromarray(draw(named[name], size=SIDE)))
        for part in (examples[:half], examples[half:])
    ]
    whole = Image.new("RGB", (sum(column.width for column in columns), columns[0].height), "white")
    whole.paste(columns[0], (0, 0))
    whole.paste(columns[1], (columns[0].width, 0))
    out.parent.mkdir(parents=True, exist_ok=True)
    whole.save(out, quality=_QUALITY)
    return len(examples)


def _sentences(shop: Shop) -> Iterator[tuple[int | None, str]]:
    """Yield the row of each sentence's reference, or None, and the sentence."""
    for asked in tomllib.loads(SENTENCES.read_text(encoding="utf-8"))["asked"]:
        row = _first(shop, asked["reference"]) if "reference" in asked else None
        yield from ((row, text) for text in asked["texts"])


def _first(shop: Shop, facts: Mapping[str, str]) -> int:
    """Return the first product with these facts; raises InputError if there is none."""

    def fits(product: Product) -> bool:
        own = product.facts()
        return all(own.get(name) == value for name, value in facts.items())

    row = next((row for row, product in enumerate(shop.products) if fits(product)), None)
    if row is None:
        raise InputError(f"no product of the shop has {dict(facts)}: take more products")
    return row
