"""Captioned pictures in WebDataset shards, as img2dataset writes them: 00000.tar with key.jpg, key.txt, key.json.

Its 00000.parquet and 00000_stats.json beside are not read: what it failed to fetch is in no tar.
"""

from training.datasets import shards
from training.datasets.rows import Captioned, Found
from training.datasets.scan import Shape


def find(path: str, *, caption: str) -> Found[Captioned]:
    """The captioned pictures of a folder of tars, a tar, or a pattern as `{00000..00331}.tar`.

    `caption` is "txt", or "json:caption" for that field of the json.
    """
    found = shards.samples(path, Shape(pictures=("",), texts=(caption,)))
    return Found(source=path, rows=Captioned(found.pictures[0], found.texts[0]), flaws=found.flaws)
