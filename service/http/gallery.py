"""What a shopper sees before asking: the whole gallery in a mixed order that stays the same for a snapshot."""

import math

from index.gallery import Gallery
from index.items.items import GalleryItem

GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this share of the whole spread most evenly


def page(gallery: Gallery, *, offset: int, limit: int) -> list[GalleryItem]:
    """At most `limit` items from `offset` on, walking the gallery in even steps; every item is on one page."""
    contents = gallery.contents()
    rows = contents.rows()
    step = max(1, round(len(rows) * GOLDEN))
    while math.gcd(step, len(rows)) != 1:  # only then are all visited
        step += 1
    places = range(min(offset, len(rows)), min(offset + limit, len(rows)))
    return [contents.item(int(rows[place * step % len(rows)])) for place in places]
