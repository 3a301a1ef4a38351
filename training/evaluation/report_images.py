"""A benchmark's pictures by their names, for a report's strips: files, or drawn anew."""

from PIL import Image

from models.errors import ConfigError, InputError
from training.catalogue import hard_negatives, write
from training.catalogue.draw.draw import draw
from training.catalogue.triplets import questions
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.data.drawn import images
from training.evaluation import benchmark_images
from training.evaluation.benchmarks.benchmark import Benchmark
from training.evaluation.drawn_catalogue import GALLERY
from training.evaluation.result import Result
from training.evaluation.strips import SIDE, Show


def files(benchmark: Benchmark) -> Show:
    """The pictures of a published benchmark, as the model was shown them: of GeneCIS the boxes."""

    def show(name: str) -> Image.Image:
        if name not in benchmark.pictures:
            raise InputError(f"the folder has no picture {name}: the result is of another one")
        return benchmark_images.image(benchmark.pictures[name], side=SIDE)

    return show


def drawings(found: Result) -> Show:
    """The products of a drawn shop, sampled again from the seed that a result's protocol says.

    Raises ConfigError where the result is of no drawn shop, or of one that this version samples otherwise.
    """
    asked = found.protocol
    count, seed = asked.galleries.get(GALLERY), asked.says.get("seed", "")
    if count is None or not seed.isdecimal():
        raise ConfigError(f"the pictures of {asked.benchmark} are files: name their folder with --data")
    if asked.says.get("world") != str(write.VERSION):
        raise ConfigError(f"the result is of world {asked.says.get('world')}, not {write.VERSION}: evaluate again")
    products = _products(found, count, seed=int(seed))
    named = {product.id: product for product in products}

    def show(name: str) -> Image.Image:
        if name not in named:
            raise InputError(f"the shop has no product {name}: it was asked with other queries")
        return Image.fromarray(draw(named[name], size=SIDE))

    return show


def _products(found: Result, count: int, *, seed: int) -> list[Product]:
    """All items that were ranked; in the hard variant the last of `count` are the queries' negatives."""
    split = found.protocol.split
    if found.protocol.benchmark.startswith("text to image"):
        return images.products(count, split=split, seed=seed)
    negatives = sum(max(0, len(query.subset) - 1) for query in found.queries)  # less the target
    products = sample.catalogue(count - negatives, split=split, seed=seed)
    if not negatives:
        return products
    asked = questions(products, len(found.queries), seed=seed)
    return [*products, *(each for own in hard_negatives.negatives(asked, split=split, seed=seed) for each in own)]
