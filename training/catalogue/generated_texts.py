"""Texts written from two captions, as `likebut triplets` writes them, in place of a shopper's own."""

from random import Random

from models.errors import ModelRefused
from training.catalogue.language import attribute_templates, product_captions
from training.catalogue.world.world import Product
from training.templates.difference import text as difference

_LOOKS = 50  # at a pair, until its captions differ: that a look misses the difference is rare


def text(reference: Product, target: Product, *, seed: int) -> str:
    """What templates make of the captions of both products, the same for a pair and a seed.

    Both are described in the same manner, as one captioner would: what differs in the captions is then mostly what
    differs in the products. A pair whose captions never differ, which is rare, is told apart by what differs in the
    products themselves, in the words of templates.py. Raises ModelRefused where that is nothing.
    """
    name = f"{seed}/{reference.id}>{target.id}"
    for look in range(_LOOKS):
        one, other = (
            product_captions.caption(product, Random(f"{name}/{look}")).text for product in (reference, target)
        )
        try:
            return difference((one, other), ({}, {}), name=name, seed=seed)
        except ModelRefused:
            continue
    if (reference.category, reference.facts()) == (target.category, target.facts()):
        raise ModelRefused(f"nothing tells {target.id} from {reference.id}: pair products that differ")
    return attribute_templates.text(reference, target, ())
