"""Compares the capacity model, fitted to small galleries only, with larger ones that were measured.

Reads service/capacity/measured.json and prints a table in Markdown: each figure of a larger gallery as predicted, as
measured, and the error.

python deploy/benchmarks/vectors/capacity_error.py --most 1000000
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from service.capacity.measurements import SHARED, SINGLE, Measurements, Row

RECALL = 0.95  # that the galleries were built for


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=float, default=1e6, help="items of the galleries that the model is fitted to")
    most = parser.parse_args(argv).most
    small = Measurements.read(most=most)
    print("| gallery | figure | predicted | measured | error |\n|---|---|---|---|---|")
    for row in Measurements.read().galleries:
        if row["items"] > most:
            for name, predicted, actual in compared(small, row):
                error = f"{predicted / actual - 1:+.0%}"
                print(f"| {row['items']:,} {row['encoding']} | {name} | {predicted:,.4g} | {actual:,.4g} | {error} |")
    return 0


def compared(small: Measurements, row: Row) -> Iterator[tuple[str, float, float]]:
    """Yield each figure with its prediction from the small galleries and its measurement."""
    encoding = row["encoding"]
    total = [0.0, 0.0]
    for part in (*SHARED, *SINGLE):
        if part in row.get("cpu_seconds", {}):
            pair = small.part_cpu_s(part, encoding)(row), row["cpu_seconds"][part]
            total = [one + other for one, other in zip(total, pair, strict=True)]
            yield f"{part}, CPU s", *pair
    if total[1]:
        yield "whole build, CPU s", total[0], total[1]
        yield "memory of the build, GB", small.build_bytes()(row) / 1e9, row["build_anonymous"] / 1e9
    yield "memory of a process that serves, GB", small.serve_bytes()(row) / 1e9, row["serve_anonymous"] / 1e9
    vectors, shards = row["bytes"]["vectors.npy"], row["bytes"]["shards"]
    yield "shards, GB", small.shard_bytes(encoding, row) / 1e9, shards / 1e9
    yield "other files, GB", small.items_bytes()(row) / 1e9, (sum(row["bytes"].values()) - vectors - shards) / 1e9
    probed = small.probed(encoding)(row["items"])
    yield "lists probed", probed, row["probed"]
    for name, title in (("cpu_ms", "search, CPU ms"), ("p50_ms", "search, p50 ms")):
        yield title, small.search_ms(encoding, name)({**row, "probed": probed}), row[name]
        yield f"{title}, given the lists probed", small.search_ms(encoding, name)(row), row[name]
    yield "recall@10", RECALL, row["recall"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
