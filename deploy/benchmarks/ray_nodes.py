"""Embeds the demo shop on two Ray nodes of this machine, kills one, or the driver; then builds from the blocks.

Each time the gallery's vectors must be those of a build alone, bit by bit, and no image may be embedded twice by the
runs after a kill. Needs the extra ray. Prints a Markdown table; the status is 1 if anything is lost or differs.

    PYTHONPATH=. python deploy/benchmarks/ray_nodes.py --bundle BUNDLE --source build/shop/items.parquet
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ray.cluster_utils import Cluster

from index.build.build import build
from index.build.resume import EmbeddedChunks
from index.storage import snapshot
from models.encoder import Encoder

SCRIPT = Path(__file__).parents[1] / "ray_embed.py"
PARTS = 40
KILLED_AFTER = 14  # parts


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--source", required=True)
    arguments = parser.parse_args(argv)
    encoder = Encoder.open(arguments.bundle)
    print("| run | seconds | embedded | twice | vectors as of a build alone |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        alone = build(arguments.source, folder / "alone", encoder, progress=lambda _: None)
        print(f"| `likebut index build` alone | {time.monotonic() - began:.0f} | {alone.embedded} | | |", flush=True)
        good = True
        for kind in ("nothing is killed", "a node is killed", "the driver is killed"):
            blocks, began = folder / kind.replace(" ", "-"), time.monotonic()
            run(kind, arguments.source, arguments.bundle.resolve(), blocks)
            took = time.monotonic() - began
            chunks = EmbeddedChunks.open(None, str(blocks), space_id=encoder.manifest.space_id)
            uris = [state[0] for states in chunks.states() for state in states]
            twice = len(uris) - len(set(uris))
            gallery = folder / f"gallery-{blocks.name}"
            built = build(arguments.source, gallery, encoder, blocks=str(blocks), progress=lambda _: None)
            same = vectors(gallery) == vectors(folder / "alone")
            good &= same and not twice and not built.embedded
            print(f"| {kind} | {took:.0f} | {len(set(uris))} | {twice} | {'yes' if same else 'no'} |", flush=True)
    return int(not good)


def vectors(gallery: Path) -> bytes:
    """Return the bytes of the live snapshot's vectors."""
    return (snapshot.live(gallery).path / snapshot.VECTORS).read_bytes()


def run(kind: str, source: str, bundle: Path, blocks: Path) -> None:
    """Embed on two nodes of a core each, and kill what `kind` says after some of the parts."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    command = [sys.executable, str(SCRIPT), source, "--blocks", str(blocks), "--bundle", str(bundle)]
    command += ["--parts", str(PARTS), "--address", cluster.address]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    try:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            for number, _ in enumerate(driver.stdout, start=1):
                if number == KILLED_AFTER and kind == "a node is killed":
                    cluster.remove_node(nodes[0], allow_graceful=False)
                if number == KILLED_AFTER and kind == "the driver is killed":
                    driver.kill()
                    break
        if kind == "the driver is killed":
            again = subprocess.run(command, env=environment, capture_output=True, text=True)
            driver.returncode = again.returncode
        if driver.returncode:
            raise SystemExit(f"the driver ended with {driver.returncode}")
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
