"""Profile of a service at saturation: its CPU time by part, sampled by py-spy; prints a Markdown table.

One worker, 16 callers, composed queries and texts. A sample belongs to the innermost frame that one of the PARTS
names, so the time of a library counts for the code that calls it. The processes that decode images are counted apart,
by their CPU time. Run it by `make bench-service`.
"""

import argparse
import json
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import shop
from peers.processes import cpu_seconds
from soak import children

LOAD = Path(__file__).parents[1] / "load.py"
SPY = str(Path(sysconfig.get_path("scripts"), "py-spy"))
CALLERS, WARM_S, SECONDS, RATE = 16, 2.0, 10.0, 200
IDLE = re.compile(
    r"(\b_worker \(concurrent/futures/thread|Condition\.wait \(threading)\.py"
)  # waits, which py-spy takes for running
PARTS = {
    "forward passes (ONNX Runtime)": r"models/runtime/session\.py",
    "index: lists, exact scores, filters": r"index/vectors/|faiss/",
    "index: items and hits": r"index/",
    "tokens and spelling": r"models/(tokenizer|spelling|cleaning)|tokenizers/",
    "pixels from the decoding processes": r"models/(image_decoders|decode_process|preprocess)|service/images",
    "log lines, metrics, traces": r"service/telemetry|logging/|prometheus_client/",
    "batches, pools and threads": r"service/workers|concurrent/futures",
    "query and answer: validation, JSON": r"service/(schemas|search)|pydantic|orjson|json/|base64",
    "HTTP: protocol, routes, limits": r"service/|uvicorn|starlette|fastapi|httptools|multipart",
    "event loop": r"asyncio|uvloop",
}


def main(argv: Sequence[str]) -> int:
    arguments = shop.parser(__doc__).parse_args(argv)
    queries = shop.composed(arguments.shop)
    kinds = {"image and text": [shop.body(*each) for each in queries], "text": [shop.body(None, t) for _, t in queries]}
    shares = {}
    for kind, bodies in kinds.items():
        with TemporaryDirectory() as folder:
            file = Path(folder, "bodies.jsonl")
            file.write_text("\n".join(map(json.dumps, bodies)))
            shares[kind] = profile(arguments, file, Path(folder, "samples"))
    print(f"| CPU ms a search | {' | '.join(shares)} |\n|---|{'---|' * len(shares)}")
    for part in (*PARTS, "other", "decoding processes", "**all**"):
        print(f"| {part} | {' | '.join(f'{found[part]:.2f}' for found in shares.values())} |")
    return 0


def profile(arguments: argparse.Namespace, bodies: Path, samples: Path) -> Counter[str]:
    """Return the CPU ms of one search by part."""
    with shop.served(arguments, "--reference-cache-mb", "0", "--max-waiting", "1000") as (service, address):
        load = [sys.executable, str(LOAD), address, str(bodies), "--callers", str(CALLERS), "--seconds"]
        subprocess.run([*load, str(WARM_S)], check=True, capture_output=True)
        before, decoding = cpu_seconds(service.pid), sum(map(cpu_seconds, children(service.pid)))
        spy = [SPY, "record", "--pid", str(service.pid), "--duration", str(int(SECONDS)), "--rate", str(RATE)]
        with subprocess.Popen([*spy, "--format", "raw", "--output", str(samples)], stderr=subprocess.DEVNULL):
            done = subprocess.run([*load, str(SECONDS)], check=True, capture_output=True, text=True)
        searches = done.stdout.count("[200,")
        decoding = sum(map(cpu_seconds, children(service.pid))) - decoding
        whole = cpu_seconds(service.pid) - before
    return in_parts(
        samples.read_text(), own_ms=1000 * (whole - decoding) / searches, decoding_ms=1000 * decoding / searches
    )


def in_parts(samples: str, *, own_ms: float, decoding_ms: float) -> Counter[str]:
    """Return the milliseconds divided among the parts as the samples are."""
    counts: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not IDLE.search(frames[-1]):
            counts[part_of(frames)] += int(count)
    total = sum(counts.values())
    found = Counter({part: own_ms * count / total for part, count in counts.items()})
    return found + Counter({"decoding processes": decoding_ms, "**all**": own_ms + decoding_ms})


def part_of(frames: Sequence[str]) -> str:
    """Return the part of a sample: that of its innermost frame with one."""
    for frame in reversed(frames):
        for part, pattern in PARTS.items():
            if re.search(pattern, frame):
                return part
    return "other"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
