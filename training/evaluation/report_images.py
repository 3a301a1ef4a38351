"""Images of a benchmark by their names, for the report: from files, or drawn again."""

from PIL import Image

from models.errors import ConfigError, InputError
from training.catalogue import hard_negatives, write
from training.catalogue.draw.draw import draw
from training.catalogue.triplets import draw_questions
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.data.drawn import images
from training.evaluation import benchmark_images
from training.evaluation.benchmarks.benchmark import Benchmark
from training.evaluation.drawn_queries import GALLERY
from training.evaluation.result import Result
from training.evaluation.strips import SIDE, Show


def files(benchmark: Benchmark) -> Show:
    """Return the images of a published benchmark as the model received them: of GeneCIS the boxes."""

    def show(name: str) -> Image.Image:
        if name not in benchmark.images:
            raise InputError(f"the folder has no image {name}: the result is of another folder")
        return benchmark_images.image(benchmark.images[name], side=SIDE)

    return show


def drawings(found: Result) -> Show:
    """Return the products of a drawn shop, sampled again from the seed in a result's protocol.

    Raises ConfigError if the result is not of a drawn shop, or of one that this version samples differently.
    """
    protocol = found.protocol
    count, seed = protocol.galleries.get(GALLERY), protocol.says.get("seed", "")
    if count is None or not seed.isdecimal():
        raise ConfigError(f"the images of {protocol.benchmark} are files: name their folder with --data")
    if protocol.says.get("world") != str(write.VERSION):
        raise ConfigError(f"the result is of world {protocol.says.get('world')}, not {write.VERSION}: evaluate again")
    products = _products(found, count, seed=int(seed))
    named = {product.id: product for product in products}

    def show(name: str) -> Image.Image:
        if name not in named:
            raise InputError(f"the shop has no product {name}: it was evaluated with other queries")
        return Image.fromarray(draw(named[name], size=SIDE))

    return show


def _products(found: Result, count: int, *, seed: int) -> list[Product]:
    """Return all items that were ranked; in the hard variant the last of `count` are the queries' negatives."""
    split = found.protocol.split
    if found.protocol.benchmark.startswith("text to image"):
        return images.products(count, split=split, seed=seed)
    negatives = sum(max(0, len(query.subset) - 1) for query in found.queries)  # without the target
    products = sample.catalogue(count - negatives, split=split, seed=seed)
    if not negatives:
        return products
    questions = draw_questions(products, len(found.queries), seed=seed)
    return [*products, *(each for own in hard_negatives.negatives(questions, split=split, seed=seed) for each in own)]
