"""Measures build, memory, disk, speed and recall of a gallery of many items, for `likebut capacity`.

Draws clustered unit vectors from a seed, block by block, in clip-retrieval's layout with an items table (id, image,
category, price), and builds a gallery of each encoding from it in a process of its own, as `likebut index build` does;
another process opens and searches it. Recall is that of 200 composed queries against an exact search, computed here in
blocks of single precision. With `--write` the figures become a row of service/capacity/measured.json, from which the
capacity model is fitted. At no time are all vectors in memory in single precision.

python deploy/benchmarks/vectors/scale.py --items 1000000 --write
"""

import argparse
import json
import operator
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow
from pyarrow import parquet

from index.build import build as building
from index.build import snapshot_writer
from index.build.build import build
from index.build.snapshot_writer import Progress
from index.build.tune import recode
from index.lexical import lexical_index
from index.sources import clip_retrieval
from index.storage import snapshot
from index.vectors import shards
from index.vectors.encodings import ENCODINGS, Encoding, IndexOptions
from index.vectors.recall import RecallProbe, composed_queries
from models.arrays import normalised
from models.bundle import SHIPPED
from models.encoder import Encoder
from scale_search import PRICES, K, serve, status

MEASURED = Path("service/capacity/measured.json")
PER_CLUSTER, NOISE = 20, 0.6  # as gallery.py: variants of a product, with a cosine of 0.74 to each other
PART, BLOCK = 500_000, 16_384  # items of one file, and those drawn or compared at a time
CATEGORIES = 100
QUERIES, GOAL = 200, 0.95
SAMPLED_S = 0.1
# the parts of a build, by the functions that do them
PARTS: Sequence[tuple[object, str, str]] = (
    (clip_retrieval, "read", "read"),
    (shards, "train", "train"),
    (shards, "write", "add"),
    (lexical_index, "write", "words"),
    (RecallProbe, "sample", "exact"),
    (snapshot_writer, "tuned", "tune"),
    (building, "publish", "publish"),
)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--encodings", nargs="+", choices=ENCODINGS, default=["sq8", "rabitq"])
    parser.add_argument("--folder", type=Path, default=Path("build/bench-scale"), help="of source and galleries")
    parser.add_argument("--recode", action="store_true", help="make the others of the first gallery, without a build")
    parser.add_argument("--step", choices=list(STEPS), help="only this step, one JSON object")
    parser.add_argument("--write", action="store_true", help=f"also write it to {MEASURED}")
    parser.add_argument("--keep", action="store_true", help="leave the galleries on the disk")
    parser.add_argument("--reuse", action="store_true", help="only search the galleries that --keep has left, again")
    arguments = parser.parse_args(argv)
    folder: Path = arguments.folder / str(arguments.items)
    if arguments.step is not None:
        print(json.dumps(STEPS[arguments.step](folder, arguments.items, arguments.encodings[0])))
        return 0
    if not arguments.reuse and not arguments.recode:
        run(arguments, "draw", arguments.encodings[0])
    for encoding in arguments.encodings:
        row = {"items": arguments.items, "dimension": Encoder.open(SHIPPED).manifest.dimension, "encoding": encoding}
        steps = ("serve",) if arguments.reuse else ("build", "truth", "serve")
        if arguments.recode:
            steps = ("recode", "truth", "serve")
        for step in steps:
            row |= run(arguments, step, encoding)
        print(json.dumps(row, indent=1))
        if arguments.write:
            keep(row)
        if not arguments.keep:
            shutil.rmtree(folder / encoding)
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


def run(arguments: argparse.Namespace, step: str, encoding: str) -> dict[str, Any]:
    """The facts of one step, done in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, "--items", str(arguments.items), "--folder", str(arguments.folder)]
    ended = subprocess.run(
        [*command, "--step", step, "--encodings", encoding], check=True, stdout=subprocess.PIPE, text=True
    )
    print(step, encoding, ended.stdout.strip(), file=sys.stderr)
    facts: dict[str, Any] = json.loads(ended.stdout)
    return facts


def draw(folder: Path, items: int, _: Encoding) -> dict[str, Any]:
    """Writes the source: vectors in half precision beside their items, a pair of files for each PART."""
    begun = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    for name in ("img_emb", "metadata"):
        (source / name).mkdir(parents=True)
    dimension = Encoder.open(SHIPPED).manifest.dimension
    generator = np.random.default_rng(1)
    scale = np.float32(dimension**-0.5)
    centres = np.empty((max(1, items // PER_CLUSTER), dimension), np.float16)
    for start in range(0, len(centres), BLOCK):
        some = centres[start : start + BLOCK]
        some[:] = generator.standard_normal(some.shape, dtype=np.float32) * scale
    for part, first in enumerate(range(0, items, PART)):
        count = min(PART, items - first)
        path = source / "img_emb" / f"img_emb_{part:04d}.npy"
        vectors = np.lib.format.open_memmap(path, "w+", np.float16, (count, dimension))
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            noise = generator.standard_normal((size, dimension), dtype=np.float32) * scale
            near = centres[generator.integers(len(centres), size=size)].astype(np.float32)
            vectors[start : start + size] = normalised(near + NOISE * noise)
        numbers = range(first, first + count)
        columns = {
            "id": [f"item {number}" for number in numbers],
            "image": [f"/images/{number % 1000:03d}/{number}.jpg" for number in numbers],
            "category": [f"category {number}" for number in generator.integers(CATEGORIES, size=count).tolist()],
            "price": generator.integers(PRICES, size=count),
        }
        parquet.write_table(pyarrow.table(columns), source / "metadata" / f"metadata_{part:04d}.parquet")
    return {"draw_s": time.monotonic() - begun}


def built(folder: Path, _: int, encoding: Encoding) -> dict[str, Any]:
    """Builds the gallery; the seconds of each part, CPU seconds, peak memory and the files' bytes."""
    gallery = folder / encoding
    shutil.rmtree(gallery, ignore_errors=True)
    encoder = Encoder.open(SHIPPED)
    seconds: dict[str, float] = {}
    cpu_seconds: dict[str, float] = {}
    for owner, name, part in PARTS:
        setattr(owner, name, timed(getattr(owner, name), part, seconds, cpu_seconds))
    before, begun, worked = status("RssAnon"), time.monotonic(), time.process_time()

    def report(progress: Progress) -> None:
        print(f"{time.monotonic() - begun:.0f} s: {progress.stage} {progress.done}", file=sys.stderr)

    with peaks() as peak:
        build(folder / "source", gallery, encoder, shape=IndexOptions(encoding=encoding, recall=GOAL), progress=report)
    total, worked = time.monotonic() - begun, time.process_time() - worked
    seconds["rest"] = total - sum(seconds.values())
    cpu_seconds["rest"] = worked - sum(cpu_seconds.values())
    return {
        "seconds": rounded(seconds),
        "cpu_seconds": rounded(cpu_seconds),
        "build_s": round(total, 1),
        "build_cpu_s": round(worked, 1),
        "build_anonymous": peak["RssAnon"] - before,
        "build_resident": peak["VmRSS"],
        **snapshot_facts(gallery),
    }


def recoded(folder: Path, _: int, encoding: Encoding) -> dict[str, Any]:
    """Copies a gallery in sq8, of whose snapshot the files are links, and gives the copy another encoding."""
    gallery = folder / encoding
    shutil.rmtree(gallery, ignore_errors=True)
    shutil.copytree(folder / "sq8" / snapshot.SNAPSHOTS, gallery / snapshot.SNAPSHOTS, copy_function=os.link)
    for path in (folder / "sq8").iterdir():
        if path.is_file():
            shutil.copy(path, gallery / path.name)
    begun, worked = time.monotonic(), time.process_time()
    recode(gallery, encoding)
    return {
        "recode_s": round(time.monotonic() - begun, 1),
        "recode_cpu_s": round(time.process_time() - worked, 1),
        **snapshot_facts(gallery),
    }


def snapshot_facts(gallery: Path) -> dict[str, Any]:
    """Files and lists of the live snapshot, and the machine."""
    manifest = snapshot.live_manifest(gallery)
    return {
        "bytes": {entry.file: entry.bytes for entry in manifest.files}
        | {"shards": sum(entry.bytes for entry in manifest.shards)},
        "shards": len(manifest.shards),
        "lists": manifest.nlist,
        "nprobe": manifest.nprobe,
        "own_recall": manifest.recall_at_10,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "faiss": faiss.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def truth(folder: Path, _: int, encoding: Encoding) -> dict[str, Any]:
    """Writes composed queries, not those of the build, and the exact cosines of their best, for `serve`."""
    live = snapshot.live(folder / encoding)
    vectors = np.load(live.path / snapshot.VECTORS, mmap_mode="r")
    queries = composed_queries(vectors, count=QUERIES, seed=7)
    best = np.full((QUERIES, K), -np.inf, np.float32)
    for start in range(0, len(vectors), BLOCK):
        scores = queries @ normalised(vectors[start : start + BLOCK].astype(np.float32)).T  # (B, BLOCK)
        best = -np.sort(-np.hstack([best, scores]), axis=1)[:, :K]
    np.savez(folder / f"truth-{encoding}.npz", queries=queries, best=best)
    return {"queries": QUERIES}


def timed(
    function: Callable[..., Any], part: str, seconds: dict[str, float], cpu_seconds: dict[str, float]
) -> Callable[..., Any]:
    """The function, whose seconds and CPU seconds, of all threads, are added to those of its part."""

    def timed_call(*arguments: Any, **named: Any) -> Any:
        begun, worked = time.monotonic(), time.process_time()
        result = function(*arguments, **named)
        seconds[part] = seconds.get(part, 0.0) + time.monotonic() - begun
        cpu_seconds[part] = cpu_seconds.get(part, 0.0) + time.process_time() - worked
        took = f"{seconds[part]:.1f} s, of the CPU {cpu_seconds[part]:.1f}"
        print(f"{part}: {took}, {status('RssAnon') >> 20} MiB", file=sys.stderr)
        return result

    return timed_call


@contextmanager
def peaks() -> Iterator[dict[str, int]]:
    """The most memory, in bytes, that the process had meanwhile: anonymous, and with the pages of files."""
    most = {"RssAnon": 0, "VmRSS": 0}
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLED_S):
            for name in most:
                most[name] = max(most[name], status(name))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield most
    finally:
        ended.set()
        sampler.join()


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in seconds.items()}


def keep(row: dict[str, Any]) -> None:
    """Puts the facts of a row in place of those of the same items, dimension and encoding."""
    facts = json.loads(MEASURED.read_text(encoding="utf-8"))
    key = operator.itemgetter("encoding", "dimension", "items")
    rows = {key(other): other for other in facts["galleries"]}
    rows[key(row)] = rows.get(key(row), {}) | row
    facts["galleries"] = [rows[number] for number in sorted(rows)]
    MEASURED.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


STEPS: dict[str, Callable[[Path, int, Any], dict[str, Any]]] = {
    "draw": draw,
    "build": built,
    "recode": recoded,
    "truth": truth,
    "serve": serve,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
