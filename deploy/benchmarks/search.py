"""Search latency, stage by stage, over HTTP and against the same work called directly; prints a Markdown table.

One caller, one process for the service and this one for the raw calls; each query runs once over HTTP and once raw, in
turn, so that a machine whose speed drifts slows both. Raw is decode + encode + FAISS on the same bundle, gallery and
threads. Run it by `make bench`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from urllib.request import Request, urlopen

import numpy as np
import pyarrow.parquet

from index.gallery import Gallery
from models.encoder import Encoder
from service.settings import Settings

WARM_UP = 20


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--shop", type=Path, required=True, help="the drawn catalogue that the gallery was built from")
    parser.add_argument("--queries", type=int, default=300)
    arguments = parser.parse_args(argv)

    triplets = [json.loads(line) for line in (arguments.shop / "triplets.jsonl").read_text().splitlines()]
    rows = pyarrow.parquet.read_table(arguments.shop / "items.parquet", columns=["id", "image"]).to_pylist()
    pictures = {row["id"]: arguments.shop / row["image"] for row in rows}
    asked = [(pictures[each["reference"]].read_bytes(), each) for each in triplets[: arguments.queries]]

    settings = Settings(bundle=arguments.bundle, gallery=arguments.gallery)
    encoder = Encoder.open(arguments.bundle, threads=settings.threads)
    gallery = Gallery.open(arguments.gallery, space_id=encoder.manifest.space_id)
    weight = encoder.manifest.text_weight

    def composed(data: bytes, text: str) -> None:
        pixels = encoder.preprocess(data)[np.newaxis]  # (1, 3, S, S)
        gallery.search(encoder.queries(pixels, [text], text_weight=weight), k=20)

    def picture(data: bytes, text: str) -> None:
        gallery.search(encoder.gallery(encoder.preprocess(data)[np.newaxis]), k=20)

    def words(data: bytes, text: str) -> None:
        gallery.search(encoder.texts([text]), k=20)

    ways: dict[str, tuple[Callable[[bytes, str], None], Callable[[bytes, str], dict[str, object]]]] = {
        "picture + text": (composed, lambda data, text: {"image": {"base64": _base64(data)}, "text": text}),
        "picture": (picture, lambda data, text: {"image": {"base64": _base64(data)}}),
        "text": (words, lambda data, text: {"text": text}),
    }
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    command += ["--bundle", str(arguments.bundle), "--gallery", str(arguments.gallery)]
    with NamedTemporaryFile("w+") as log, subprocess.Popen(command, stderr=log) as service:
        while not (said := Path(log.name).read_text()):
            time.sleep(0.05)
        address = said.split()[-1].rstrip("/")
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {len(gallery)} items, k = 20,")
        print(f"{len(asked)} queries each, one caller; medians in milliseconds, p99 in brackets.\n")
        stages = ("wait", "decode", "encode", "search")
        print(f"| query | {' | '.join(stages)} | server total | over HTTP | raw | HTTP / raw |")
        print("|---" * (len(stages) + 5) + "|")
        try:
            for name, (raw, body) in ways.items():
                print(_row(name, raw, body, asked, address=address, stages=stages), flush=True)
        finally:
            service.terminate()
    return 0


def _row(
    name: str,
    raw: Callable[[bytes, str], None],
    body: Callable[[bytes, str], dict[str, object]],
    asked: Sequence[tuple[bytes, dict[str, str]]],
    *,
    address: str,
    stages: Sequence[str],
) -> str:
    took: dict[str, list[float]] = {stage: [] for stage in (*stages, "total", "http", "raw")}
    for number, (data, triplet) in enumerate([*asked[:WARM_UP], *asked]):
        sent = json.dumps({**body(data, triplet["text"]), "k": 20}).encode()
        began = time.perf_counter()
        with urlopen(Request(f"{address}/search", data=sent, headers={"Content-Type": "application/json"})) as reply:
            answer = json.load(reply)
        between = time.perf_counter()
        raw(data, triplet["text"])
        ended = time.perf_counter()
        if number < WARM_UP:
            continue
        took["http"].append((between - began) * 1000)
        took["raw"].append((ended - between) * 1000)
        for stage in (*stages, "total"):
            took[stage].append(answer["took_ms"].get(stage, 0.0))
    cells = [f"{median(took[stage]):.1f}" for stage in stages]
    cells += [f"{median(took[key]):.1f} ({np.quantile(took[key], 0.99):.1f})" for key in ("total", "http", "raw")]
    return f"| {name} | {' | '.join(cells)} | {median(took['http']) / median(took['raw']):.2f} |"


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
