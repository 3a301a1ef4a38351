"""Measures the CPU time of embedding an image and of embedding a composed query; for `likebut capacity`.

One thread each. Images come in batches of 16, as in a build; each query has a new image and a text. With `--write` the
figures go to service/capacity/measured.json under the name.

python deploy/benchmarks/vectors/encoder_cost.py vit-b-32 --bundle build/large/bundle --write
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.bundle import SHIPPED
from models.encoder import Encoder

MEASURED = Path("service/capacity/measured.json")
BATCH, BATCHES, QUERIES, WARM = 16, 4, 20, 3
TEXT = "the same in green, with longer sleeves"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the encoder in the file")
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--write", action="store_true", help=f"also write it to {MEASURED}")
    arguments = parser.parse_args(argv)
    cost = measured(arguments.bundle)
    print(json.dumps(cost))
    if arguments.write:
        facts = json.loads(MEASURED.read_text(encoding="utf-8"))
        facts["encoders"][arguments.name] = cost
        MEASURED.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def measured(bundle: Path) -> dict[str, object]:
    """Images of one core a second, and the CPU milliseconds of a query."""
    encoder = Encoder.open(bundle, threads=1)
    side = encoder.manifest.image_size
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(BATCHES, BATCH, 3, side, side), dtype=np.uint8)
    encoder.gallery(images[0])
    begun = time.process_time()
    for batch in images:
        encoder.gallery(batch)
    seconds = time.process_time() - begun
    queries = generator.integers(256, size=(WARM + QUERIES, 1, 3, side, side), dtype=np.uint8)
    for query in queries[:WARM]:
        encoder.queries(query, [TEXT], text_weight=0.0)
    begun = time.process_time()
    for query in queries[WARM:]:
        encoder.queries(query, [TEXT], text_weight=0.0)
    query_s = (time.process_time() - begun) / QUERIES
    return {
        "backbone": encoder.manifest.backbone,
        "precision": encoder.manifest.precision,
        "images_per_core_s": round(BATCHES * BATCH / seconds, 1),
        "query_cpu_ms": round(1000 * query_s, 1),
        "bytes": sum(path.stat().st_size for path in bundle.iterdir() if path.suffix in (".onnx", ".bin")),
        "date": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
