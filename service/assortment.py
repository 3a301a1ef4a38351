"""What a shopper sees before asking: the whole gallery in a mixed order that stays the same for a snapshot."""

import math

from index.gallery import Gallery
from index.items import Item

GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this share of the whole spread most evenly


def page(gallery: Gallery, *, offset: int, limit: int) -> list[Item]:
    """At most `limit` items from `offset` on, walking the gallery in even steps; every item is on one page."""
    ids = gallery.ids
    step = max(1, round(len(ids) * GOLDEN))
    while math.gcd(step, len(ids)) != 1:  # only then are all visited
        step += 1
    places = range(min(offset, len(ids)), min(offset + limit, len(ids)))
    return [gallery.item(ids[place * step % len(ids)]) for place in places]
