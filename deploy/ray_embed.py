"""Embeds the images of a source by Ray tasks, on as many nodes as the cluster has; a build then finds the vectors.

    python deploy/ray_embed.py s3://shop/products.parquet --blocks s3://shop/blocks --parts 64 --bundle /models/vit-b-32
    likebut index build s3://shop/products.parquet --gallery gallery --blocks s3://shop/blocks --bundle /models/vit-b-32

Each task is one `likebut index embed`, so every node needs likebut[cpu,ray], the bundle, and the source and the blocks
at the same address. Options beside those below are that command's. A task whose node died runs again on another node,
and a driver that was killed is started again: what is embedded is found each time.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import ray


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--blocks", required=True, metavar="PLACE", help="folder or URL that every node reaches")
    parser.add_argument("--parts", type=int, default=16, help="number of tasks (default: 16)")
    parser.add_argument("--cpus", type=int, default=1, help="cores of a task, and threads of its model (default: 1)")
    parser.add_argument("--address", default="auto", help="of the cluster; local starts one here (default: auto)")
    arguments, options = parser.parse_known_args(argv)
    ray.init(address=arguments.address, log_to_driver=False)
    task = ray.remote(embedded).options(num_cpus=arguments.cpus, max_retries=5)
    command = ["embed", arguments.source, "--blocks", arguments.blocks, "--threads", str(arguments.cpus), *options]
    parts = [f"{number}/{arguments.parts}" for number in range(1, arguments.parts + 1)]
    waiting = {task.remote([*command, "--part", part]): part for part in parts}
    failed = False
    while waiting:
        (ended,), _ = ray.wait(list(waiting), num_returns=1)
        part = waiting.pop(ended)
        try:
            done = ray.get(ended)
        except ray.exceptions.RayError as error:  # the others go on
            failed = True
            print(f"part {part} failed: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
            continue
        print(f"part {part}: {done['embedded']} embedded, {done['known']} known, {len(done['skipped'])} skipped")
    if failed:
        print("run this again: what is embedded is kept", file=sys.stderr)
    return int(failed)


def embedded(arguments: Sequence[str]) -> dict[str, object]:
    """Run `likebut index` with these arguments in a process of its own, and return what it said at its end."""
    command = [sys.executable, "-m", "index", *arguments, "--progress", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1])
    last: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
