"""Kills processes that change, compact and rebuild one gallery, at random moments, and checks what is left each time.

After every kill the gallery is opened: each change that was acknowledged is there (of an item that a rebuild's source
does not hold, if it was made after the rebuild began), each item is found by its own vector, and no half snapshot is
live. Prints a line for each kind of kill; fails at the first thing that is lost.

With `--engine milvus` a server of Milvus (see MILVUS_PYTHON in docs/milvus.md) and a service of a gallery in it are
killed so often each, while items are written through the service.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import pyarrow
from pyarrow import parquet

from index.gallery import Gallery
from index.items.items import GalleryItem
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete, Upsert
from models.arrays import Vectors
from models.bundle import SHIPPED, Bundle
from models.errors import SnapshotOutdated
from outages import milvus_kills

SOURCE_ITEMS = 300
CHANGED_IDS = 40
KINDS = ("change", "compact", "build")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("folder", "milvus"), default="folder")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)  # gallery, space, seed
    arguments = parser.parse_args(argv)
    if arguments.child is not None:
        change_for_ever(Path(arguments.child[0]), arguments.child[1], int(arguments.child[2]))
    with tempfile.TemporaryDirectory() as folder:
        if arguments.engine == "milvus":
            return milvus_kills.run(Path(folder), arguments.kills, Random(arguments.seed))
        trial = Trial(Path(folder), Random(arguments.seed))
        killed = Counter[str]()
        while killed.total() < arguments.kills:
            for kind in trial.kill():
                killed[kind] += 1
            trial.check()
        published = len(trial.published)
    for kind in KINDS:
        print(f"{killed[kind]} kills of a process that does {kind}")
    print(f"{trial.acknowledged} acknowledged changes, {published} snapshots went live: nothing lost, nothing half")
    return 0


@dataclass
class Trial:
    """One gallery, and what must be in it."""

    folder: Path
    random: Random
    state: dict[str, tuple[int, int]] = field(default_factory=dict)  # changed id → (seq, version), 0 where deleted
    in_flight: dict[str, set[int]] = field(default_factory=dict)  # id → versions that were begun and not acknowledged
    acknowledged: int = 0
    published: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        manifest = Bundle.open(SHIPPED).manifest
        self.space, self.dimension = manifest.space_id, manifest.dimension
        self.gallery, self.source = self.folder / "gallery", self.folder / "source"
        generator = np.random.default_rng(0)
        for name in ("img_emb", "metadata"):
            (self.source / name).mkdir(parents=True)
        np.save(self.source / "img_emb" / "img_emb_0.npy", vectors(generator, SOURCE_ITEMS, self.dimension))
        table = pyarrow.table({"id": [f"s{n}" for n in range(SOURCE_ITEMS)], "image_path": [""] * SOURCE_ITEMS})
        parquet.write_table(table, self.source / "metadata" / "metadata_0.parquet")
        subprocess.run(self.command("build"), check=True, stdout=subprocess.DEVNULL)
        self.published.append(snapshot.current(self.gallery))

    def command(self, kind: str) -> list[str]:
        """The command line of a process of that kind."""
        index = [sys.executable, "-m", "index"]
        if kind == "build":
            arguments = ["--gallery", str(self.gallery), "--progress", "none", "--max-loss", "1"]
            return [*index, "build", str(self.source), *arguments]
        if kind == "compact":
            return [*index, "compact", str(self.gallery), "--progress", "none"]
        seed = str(self.random.randrange(2**31))
        return [sys.executable, __file__, "--child", str(self.gallery), self.space, seed]

    def kill(self) -> list[str]:
        """Runs a process that changes items, beside it often one of another kind, and kills them; their kinds."""
        kinds = ["change", *self.random.choices([[], ["compact"], ["build"]], [1, 2, 1])[0]]
        running = {}
        for kind in kinds:
            told = subprocess.PIPE if kind == "change" else subprocess.DEVNULL
            running[kind] = subprocess.Popen(self.command(kind), stdout=told, stderr=subprocess.PIPE, text=True)
        time.sleep(self.random.uniform(0.3, 3.0))
        killed = []
        for kind, process in running.items():
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed.append(kind)
            said, complaint = process.communicate()
            if process.returncode not in (0, -signal.SIGKILL):
                raise SystemExit(f"{kind} failed by itself: {complaint[-2000:]}")
            if kind == "change":
                self.read(said)
        name = snapshot.current(self.gallery)
        if name != self.published[-1]:
            self.published.append(name)
            if "build" in running:  # all that was changed before it began is the source's to say
                through = snapshot.live_manifest(self.gallery).through
                self.state = {id: (seq, version) for id, (seq, version) in self.state.items() if seq > through}
        return killed

    def read(self, said: str) -> None:
        """Takes what a changing process said: what it began, and what was acknowledged to it."""
        for line in said.splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue  # the last line of a killed process
            if told["seq"] is None:
                self.in_flight.setdefault(told["id"], set()).add(told["version"])
            else:
                self.in_flight[told["id"]].discard(told["version"])
                self.state[told["id"]] = told["seq"], told["version"]
                self.acknowledged += 1

    def check(self) -> None:
        """Opens what is there, and compares it with what must be."""
        gallery = Gallery.open(self.gallery, space_id=self.space)
        for n in range(SOURCE_ITEMS):
            assert f"s{n}" in gallery.view(), f"s{n} of the source is gone"
        for id in {*self.state, *self.in_flight}:
            _, version = self.state.get(id, (0, 0))
            there = int(str(gallery.view().item(id).attributes["version"])) if id in gallery.view() else 0
            assert there in {version, *self.in_flight.get(id, ())}, f"{id} is of version {there}, not {version}"
            if there:
                (found,) = gallery.view().search(gallery.view().vector(id)[np.newaxis], [SearchRequest(k=3)])
                assert id in {hit.item.id for hit in found.hits}, f"{id} is not found by its own vector"
            if there != version:  # what was not acknowledged was made all the same
                self.state[id] = gallery.journal.last(), there
        self.in_flight.clear()
        gallery.journal.close()


def change_for_ever(gallery_path: Path, space: str, seed: int) -> None:
    """Puts and deletes items until it is killed, and says before and after each what it does."""
    random, generator = Random(seed), np.random.default_rng(seed)
    gallery = Gallery.open(gallery_path, space_id=space)
    while True:
        id, version = f"c{random.randrange(CHANGED_IDS)}", random.randrange(1, 2**31)
        deleted = random.random() < 0.3
        version = 0 if deleted else version
        print(json.dumps({"id": id, "version": version, "seq": None}), flush=True)
        (vector,) = vectors(generator, 1, gallery.manifest.dimension)
        item = GalleryItem(id, "", {"version": version})
        seq = None
        while seq is None:
            try:
                seq = gallery.change([Delete(id) if deleted else Upsert(item, "0" * 64, space, vector)])
            except SnapshotOutdated:  # as a service, which opens what another process has published
                gallery = Gallery.open(gallery_path, space_id=space, journal=gallery.journal)
        print(json.dumps({"id": id, "version": version, "seq": seq}), flush=True)


def vectors(generator: np.random.Generator, count: int, dimension: int) -> Vectors:
    """Random directions."""
    return generator.standard_normal((count, dimension)).astype(np.float16)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
