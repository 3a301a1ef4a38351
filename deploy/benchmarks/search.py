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
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import TypeAlias
from urllib.request import Request, urlopen

import numpy as np
import pyarrow.parquet

from index.gallery import Gallery
from index.want import Want
from models.encoder import Encoder
from service.settings import Settings

Raw: TypeAlias = Callable[[bytes, str], None]  # the work itself: picture, text
Body: TypeAlias = Callable[[bytes, str], dict[str, object]]  # the same as a request's body
Asked: TypeAlias = Sequence[tuple[bytes, dict[str, str]]]
Ways: TypeAlias = dict[str, tuple[Raw, Body, Asked]]

WARM_UP = 20
STAGES = ("wait", "decode", "encode", "search")


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
        gallery.search(encoder.queries(pixels, [text], text_weight=weight), [Want(k=20)])

    def picture(data: bytes, text: str) -> None:
        gallery.search(encoder.gallery(encoder.preprocess(data)[np.newaxis]), [Want(k=20)])

    def words(data: bytes, text: str) -> None:
        gallery.search(encoder.texts([text]), [Want(k=20)])

    def both(data: bytes, text: str) -> dict[str, object]:
        return {"image": {"base64": _base64(data)}, "text": text}

    ways: Ways = {"picture + text": (composed, both, asked)}
    if encoder.reference_cache is not None:  # what the bundle knows of the picture is kept
        ways["same picture, next words"] = (composed, both, [(asked[0][0], each) for _, each in asked])
    ways |= {
        "picture": (picture, lambda data, text: {"image": {"base64": _base64(data)}}, asked),
        "text": (words, lambda data, text: {"text": text}, asked),
    }
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    command += ["--bundle", str(arguments.bundle), "--gallery", str(arguments.gallery)]
    with NamedTemporaryFile("w+") as log:
        service = subprocess.Popen(command, stderr=log)
        try:
            _measure(ways, address=address(service, Path(log.name)), items=len(gallery), queries=len(asked))
        finally:
            service.terminate()
            service.wait()
    return 0


def address(service: "subprocess.Popen[bytes]", log: Path) -> str:
    while "\n" not in (said := log.read_text()):
        if service.poll() is not None:
            raise SystemExit("the service ended before it was ready")
        time.sleep(0.05)
    first = said.splitlines()[0]
    if "serving http" not in first:
        raise SystemExit(first)
    return first.split()[-1].rstrip("/")


def _measure(ways: Ways, *, address: str, items: int, queries: int) -> None:
    print(f"{os.cpu_count()} cores ({platform.machine()}), {items} items, k = 20, {queries} queries each, one caller;")
    print("medians in milliseconds, p99 in brackets.\n")
    print(f"| query | {' | '.join(STAGES)} | server total | over HTTP | raw | HTTP / raw |")
    print("|---" * (len(STAGES) + 5) + "|")
    for name, (raw, body, asked) in ways.items():
        print(_row(name, raw, body, asked, address=address), flush=True)


def _row(name: str, raw: Raw, body: Body, asked: Asked, *, address: str) -> str:
    took: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "total", "http", "raw")}
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
        for stage in (*STAGES, "total"):
            took[stage].append(answer["took_ms"].get(stage, 0.0))
    cells = [f"{median(took[stage]):.1f}" for stage in STAGES]
    cells += [f"{median(took[key]):.1f} ({np.quantile(took[key], 0.99):.1f})" for key in ("total", "http", "raw")]
    return f"| {name} | {' | '.join(cells)} | {median(took['http']) / median(took['raw']):.2f} |"


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
