"""Texts written from two captions, as `likebut triplets` writes them, in place of a shopper's own."""

from random import Random

from models.errors import ModelRefused
from training.catalogue import describe
from training.catalogue.world import Product
from training.triplets import templates

_LOOKS = 50  # at a pair, until its captions differ: that a look misses the difference is rare


def text(reference: Product, target: Product, *, seed: int) -> str:
    """What templates make of the captions of both products, the same for a pair and a seed.

    Both are described in the same manner, as one captioner would: what differs in the captions is then mostly what
    differs in the products. Raises ModelRefused where no difference can be said.
    """
    name = f"{seed}/{reference.id}>{target.id}"
    for look in range(_LOOKS):
        one, other = (describe.caption(product, Random(f"{name}/{look}")).text for product in (reference, target))
        try:
            return templates.text((one, other), ({}, {}), name=name, seed=seed)
        except ModelRefused:
            continue
    raise ModelRefused(f"the captions of {reference.id} and {target.id} never differ: leave the pair out")
