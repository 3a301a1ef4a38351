"""Measures recall and cost of the index in each encoding against FAISS itself; writes docs/benchmarks/index.md.

Draws clustered vectors (about twenty items a cluster, like the variants of a product), builds a gallery of each
encoding from them as every build does, and runs composed queries: mixtures of two items, off the gallery by a modality
gap. Raw is one FAISS index of the same vectors, encoding and lists, unsharded and in memory, called directly with the
number of lists that reaches the recall if it is the same for all queries; of RaBitQ, FAISS's own IndexRefine ranks as
many rows again by half precision as we do, since without it the recall is far lower. Ours and raw run in turn, each
first as often as second and with other queries, so that none finds the other's lists in the cache; in one process, with
one thread; figures are medians. Run it by `make bench-index`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

import gallery_report
from gallery_filters import bucket_of, filtered, region_of
from index.build.snapshot_writer import Progress, SnapshotOrigin, write
from index.gallery import Gallery
from index.search.request import SearchRequest
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.open_snapshot import OpenSnapshot
from index.vectors.encodings import ENCODINGS, Encoding, IndexOptions
from index.vectors.recall import RecallProbe
from models.arrays import Vectors, normalised
from raw_faiss import BLOCK, K, against_raw, lists_probed, raw_index, same_ids

SPACE = "drawn"
PER_CLUSTER, NOISE = 20, 0.6  # variants of a product, with a cosine of 0.74 to each other
CURVE_QUERIES, ENOUGH = 128, 0.99  # of the plot, which ends at that recall
VARIANTS: Mapping[str, tuple[Encoding, int]] = {
    **{encoding: (encoding, 1) for encoding in ENCODINGS},
    "sq8, 4 shards": ("sq8", 4),
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-index"), help="of the galleries, made anew")
    parser.add_argument("--write", action="store_true", help="also write it to docs/benchmarks")
    parser.add_argument("--reuse", action="store_true", help="measure the galleries that are in the folder already")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)  # one gallery, opened and asked in its own process
    arguments = parser.parse_args(argv)
    if arguments.open is not None:
        print(json.dumps(opened(arguments.open)))
        return 0
    vectors = drawn(arguments.items, arguments.dimension)
    found = {}
    for name, (encoding, shards) in VARIANTS.items():
        gallery = arguments.folder / f"{encoding}-{shards}"
        built = {} if arguments.reuse else built_gallery(gallery, IndexOptions(shards, encoding, recall=0.95), vectors)
        found[name] = measured(gallery, encoding, shards, vectors, built)
        print(name, found[name], file=sys.stderr)
    text = gallery_report.text(found, arguments.items, arguments.dimension)
    print(text)
    if arguments.write:
        gallery_report.write(text, found)
    return 0


def drawn(count: int, dimension: int) -> Vectors:
    """Clustered unit vectors (n, d)."""
    generator = np.random.default_rng(1)
    scale = np.float32(dimension**-0.5)
    centres = generator.standard_normal((max(1, count // PER_CLUSTER), dimension), dtype=np.float32) * scale
    vectors = np.empty((count, dimension), np.float16)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = generator.standard_normal((size, dimension), dtype=np.float32) * scale
        vectors[start : start + size] = normalised(centres[generator.integers(len(centres), size=size)] + NOISE * noise)
    return vectors


def measured(
    gallery: Path, encoding: Encoding, shards: int, vectors: Vectors, built: Mapping[str, float]
) -> dict[str, object]:
    """All figures of one encoding with a number of shards; `built` has the seconds of the stages of its build."""
    live = snapshot.live(gallery)
    facts: dict[str, object] = {"seconds": built, "nprobe": live.manifest.nprobe, "nlist": live.manifest.nlist}
    facts["recall"] = live.manifest.recall_at_10
    facts["bytes"] = sum(entry.bytes for entry in live.manifest.shards) / len(vectors)
    facts["snapshot_bytes"] = sum(entry.bytes for entry in live.manifest.entries) / len(vectors)
    facts["opening"] = json.loads(
        subprocess.run(
            [sys.executable, __file__, "--open", str(gallery)], check=True, capture_output=True, text=True
        ).stdout
    )
    opened_gallery = Gallery.open(gallery, space_id=SPACE)
    raw = raw_index(live)
    probe = RecallProbe.open(live.path / snapshot.PROBE)
    base = OpenSnapshot.open(live)
    facts |= against_raw(opened_gallery, raw, probe, base.ranking)
    facts["probed"] = lists_probed(raw, base.ranking, probe.queries)
    facts["same"] = same_ids(base.ranking.shards, raw, probe.queries, live.manifest.nprobe)
    if shards == 1:
        facts["curve"] = curve(base, probe, live.manifest.nlist)
    if encoding == "sq8" and shards == 1:
        facts["filters"] = filtered(opened_gallery, vectors, probe.queries)
    return facts


def built_gallery(gallery: Path, shape: IndexOptions, vectors: Vectors) -> dict[str, float]:
    """Seconds of each stage of the build."""
    shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(parents=True)
    buckets, regions = bucket_of(vectors).tolist(), region_of(vectors).tolist()
    rows = [
        SourceRow(f"item {number}", "", {"bucket": bucket, "region": region})
        for number, (bucket, region) in enumerate(zip(buckets, regions, strict=True))
    ]
    seconds: dict[str, float] = {}
    begun = {}

    def report_stage(progress: Progress) -> None:
        if progress.done == 0:
            begun[progress.stage] = time.monotonic()
        else:
            seconds[progress.stage] = time.monotonic() - begun[progress.stage]

    Journal.open(gallery).close()
    origin = SnapshotOrigin("drawn", SPACE, "drawn", 0)
    contents = Embedded(rows, vectors, [], computed=0, new=len(rows))
    made, _ = write(gallery, contents, origin, shape, report_stage, known={}, lexical=())
    snapshot.publish(gallery, made.manifest.name)
    return seconds


def opened(gallery: Path) -> dict[str, float]:
    """Seconds from nothing to the first answer of a gallery, and the resident MiB before, after it, and after more.

    Raises SystemExit where that answer is wrong: an item that is asked for by its own vector comes first.
    """
    before = resident_mib()
    begun = time.monotonic()
    found = Gallery.open(gallery, space_id=SPACE)
    (answer,) = found.view().search(found.view().vector("item 0")[np.newaxis], [SearchRequest(k=K)])
    seconds = time.monotonic() - begun
    if answer.hits[0].item.id != "item 0":
        raise SystemExit(f"{gallery} finds {answer.hits[0].item.id} by the vector of item 0")
    first = resident_mib()
    for query in RecallProbe.open(gallery / snapshot.SNAPSHOTS / found.manifest.name / snapshot.PROBE).queries:
        found.view().search(query[np.newaxis], [SearchRequest(k=K)])
    return {"seconds": seconds, "before": before, "first": first, "later": resident_mib(), "peak": peak_mib()}


def resident_mib() -> float:
    """Resident memory that is no file's: what the process itself takes."""
    return status_mib("RssAnon")


def status_mib(name: str) -> float:
    """A size that Linux tells of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def peak_mib() -> float:
    """The most that was resident at once, pages of mapped files too."""
    return status_mib("VmHWM")


def curve(base: OpenSnapshot, probe: RecallProbe, nlist: int) -> list[tuple[int, float, float]]:
    """Lists, recall@10 and milliseconds of a single query."""
    probe = RecallProbe(probe.queries[:CURVE_QUERIES], probe.truth[:CURVE_QUERIES])
    points: list[tuple[int, float, float]] = []
    nprobe = 8
    while nprobe <= nlist // 2 and (not points or points[-1][1] < ENOUGH):
        measured_recall = probe.recall(base.ranking.probed, nprobe)
        took = []
        for query in probe.queries:
            begun = time.perf_counter()
            base.ranking.probed(query[np.newaxis], K, nprobe)
            took.append(time.perf_counter() - begun)
        points.append((nprobe, measured_recall, 1000 * median(took)))
        nprobe *= 2
    return points


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
