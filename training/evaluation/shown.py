"""A benchmark's pictures by their names, for a report's strips: files, or drawn anew."""

from PIL import Image

from models.errors import ConfigError, InputError
from training.catalogue import sample
from training.catalogue.draw import draw
from training.datasets import drawn
from training.evaluation import decode
from training.evaluation.benchmark import Benchmark
from training.evaluation.catalogue import GALLERY
from training.evaluation.result import Protocol
from training.evaluation.strips import SIDE, Show


def files(benchmark: Benchmark) -> Show:
    """The pictures of a published benchmark, as the model was shown them: of GeneCIS the boxes."""

    def show(name: str) -> Image.Image:
        return decode.image(benchmark.pictures[name], side=SIDE)

    return show


def drawings(protocol: Protocol) -> Show:
    """The products of a drawn shop, sampled again from the seed that a result's protocol says.

    Raises ConfigError where the result is of no drawn shop.
    """
    count, seed = protocol.galleries.get(GALLERY), protocol.says.get("seed", "")
    if count is None or not seed.isdecimal():
        raise ConfigError(f"the pictures of {protocol.benchmark} are files: name their folder with --data")
    if protocol.benchmark.startswith("text to image"):
        products = drawn.products(count, split=protocol.split, seed=int(seed))
    else:
        products = sample.catalogue(count, split=protocol.split, seed=int(seed))
    named = {product.id: product for product in products}

    def show(name: str) -> Image.Image:
        if name not in named:
            raise InputError(f"the shop has no product {name}: it was sampled by another version")
        return Image.fromarray(draw(named[name], size=SIDE))

    return show
