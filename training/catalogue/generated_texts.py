"""Texts generated from two captions, as `likebut triplets` writes them, for drawn products."""

from random import Random

from models.errors import ModelRefused
from training.catalogue.language import attribute_templates, product_captions
from training.catalogue.world.world import Product
from training.templates.difference import text as difference

_LOOKS = 50  # captions of a pair that are compared until they differ; that all are alike is rare


def text(reference: Product, target: Product, *, seed: int) -> str:
    """Return the template text of the difference between the captions of both products; fixed for a pair and a seed.

    Both products are described in the same style, as one captioner would do it, so that most differences of the
    captions are differences of the products. If no captions of a pair differ, which is rare, the text names the
    attributes that differ. Raises ModelRefused if no attribute differs.
    """
    name = f"{seed}/{reference.id}>{target.id}"
    for look in range(_LOOKS):
        drawn = (product_captions.caption(product, Random(f"{name}/{look}")) for product in (reference, target))
        one, other = (caption.text for caption in drawn)
        try:
            return difference((one, other), ({}, {}), name=name, seed=seed)
        except ModelRefused:
            continue
    if (reference.category, reference.facts()) == (target.category, target.facts()):
        raise ModelRefused(f"{target.id} does not differ from {reference.id}: pair products that differ")
    return attribute_templates.text(reference, target, ())
