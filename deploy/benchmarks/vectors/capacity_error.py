"""Compares the capacity model, fitted to small galleries only, with larger ones that were measured.

Reads service/capacity/measured.json and prints a table in Markdown: each figure of a larger gallery as predicted, as
measured, and the error. With `--measured` it prints the galleries themselves.

python deploy/benchmarks/vectors/capacity_error.py --most 3000000
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from service.capacity.measurements import SHARED, SINGLE, Measurements, Row

RECALL = 0.95  # that the galleries were built for


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=float, default=1e6, help="items of the galleries that the model is fitted to")
    parser.add_argument("--measured", action="store_true", help="print the galleries instead")
    arguments = parser.parse_args(argv)
    if arguments.measured:
        print(measured())
        return 0
    most = arguments.most
    small = Measurements.read(most=most)
    print("| gallery | figure | predicted | measured | error |\n|---|---|---|---|---|")
    for row in Measurements.read().galleries:
        if row["items"] > most:
            for name, predicted, actual in compared(small, row):
                error = f"{predicted / actual - 1:+.0%}"
                print(f"| {row['items']:,} {row['encoding']} | {name} | {predicted:,.4g} | {actual:,.4g} | {error} |")
    return 0


def measured() -> str:
    """Return a table of the galleries that were measured."""
    columns = (
        *("items", "encoding", "build, CPU s", "of it training, adding, words, tuning", "build's own memory, GB"),
        *("process that serves, GB", "files, GB", "lists, probed in the median", "recall@10", "search, CPU ms"),
        *("p50 ms", "with a filter of 10 %, CPU ms"),
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in sorted(Measurements.read().galleries, key=lambda row: (row["items"], row["encoding"])):
        build = ["recoded", "", ""]
        if "cpu_seconds" in row:
            parts = (f"{row['cpu_seconds'][part]:.0f}" for part in ("train", "add", "words", "tune"))
            build = [f"{row['build_cpu_s']:,.0f}", ", ".join(parts), f"{row['build_anonymous'] / 1e9:.2f}"]
        memory, files = f"{row['serve_anonymous'] / 1e9:.2f}", f"{sum(row['bytes'].values()) / 1e9:.2f}"
        lists = f"{row['lists']:,}, {row['probed']:,.0f}"
        times = (f"{ms:.2f}" for ms in (row["cpu_ms"], row["p50_ms"], row["filter_10"]["cpu_ms"]))
        cells = [f"{row['items']:,}", row["encoding"], *build, memory, files, lists, f"{row['recall']:.3f}", *times]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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
