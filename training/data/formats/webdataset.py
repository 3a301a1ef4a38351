"""Captioned images in WebDataset shards, as img2dataset writes them: 00000.tar with key.jpg, key.txt, key.json.

What it failed to fetch is in no tar: 00000_stats.json beside says how much, and 00000.parquet, which is not read, what.
"""

from training.data import shards
from training.data.formats import img2dataset
from training.data.rows import Captioned, LoadedRows
from training.data.scan import SampleShape


def find(path: str, *, caption: str) -> LoadedRows[Captioned]:
    """Return the captioned images of a folder of tars, a tar, or a pattern as `{00000..00331}.tar`.

    `caption` is "txt", or "json:caption" for that field of the json.
    """
    found = shards.samples(path, SampleShape(pictures=("",), texts=(caption,)))
    rows, tars = Captioned(found.pictures[0], found.texts[0]), shards.shards(path)
    return LoadedRows(source=path, rows=rows, flaws=found.flaws, downloads=img2dataset.read(tars) if tars else None)
