"""Cost of two bundles, interleaved in one process: a composed query, a text and 64 images, medians in milliseconds.

python deploy/benchmarks/two_bundles.py models/bundles/two-stage OTHER
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.encoder import Encoder

ROUNDS, TIMES = 12, 4
TEXTS = ("in red with long sleeves", "same but without the belt and a bit longer please", "crimson")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs=2, metavar="BUNDLE")
    bundles = parser.parse_args().bundles
    work = [parts(Encoder.open(bundle, reference_cache_bytes=0)) for bundle in bundles]
    took: list[dict[str, list[float]]] = [{name: [] for name in each} for each in work]
    for _ in range(ROUNDS):
        for each, times in zip(work, took, strict=True):
            for name, run in each.items():
                run()
                for _ in range(TIMES):
                    began = time.perf_counter()
                    run()
                    times[name].append(time.perf_counter() - began)
    for name in work[0]:
        one, other = (1000 * statistics.median(times[name]) for times in took)
        print(f"{name}: {one:.1f} ms and {other:.1f} ms, {one / other:.2f}")


def parts(encoder: Encoder) -> dict[str, Callable[[], object]]:
    """Return the work that is measured; no reference is seen twice."""
    random = np.random.default_rng(0)
    size = encoder.manifest.image_size
    one, many = (random.integers(0, 256, (count, 3, size, size), dtype=np.uint8) for count in (1, 64))
    weight = encoder.manifest.text_weight
    return {
        "three composed queries": lambda: [encoder.queries(one, [text], text_weight=weight) for text in TEXTS],
        "a text": lambda: encoder.texts(TEXTS[:1]),
        "64 images": lambda: encoder.gallery(many),
    }


if __name__ == "__main__":
    main()
