"""The drawn shop that the service is measured on: its searches, and a service of its gallery."""

import argparse
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import pyarrow.parquet

ROOT = Path(__file__).parents[2]
START_S = 300.0  # until a service is ready, at most


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that say which shop."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--shop", type=Path, required=True, help="the drawn catalogue that the gallery was built from")
    return parser


def composed(shop: Path) -> list[tuple[bytes, str]]:
    """Searches of the shop: the bytes of an image and a text."""
    triplets = [json.loads(line) for line in (shop / "triplets.jsonl").read_text().splitlines()]
    rows = pyarrow.parquet.read_table(shop / "items.parquet", columns=["id", "image"]).to_pylist()
    pictures = {row["id"]: shop / row["image"] for row in rows}
    return [(pictures[each["reference"]].read_bytes(), each["text"]) for each in triplets]


def body(data: bytes | None = None, text: str | None = None) -> dict[str, object]:
    """A search as the body of a request."""
    image = {} if data is None else {"image": {"base64": b64encode(data).decode()}}
    return image | ({} if text is None else {"text": text})


@contextmanager
def bodies(shop: Path) -> Iterator[Path]:
    """A file of all its searches, as load.py reads them."""
    with NamedTemporaryFile("wb", suffix=".jsonl") as file:
        file.write(b"\n".join(json.dumps(body(data, text)).encode() for data, text in composed(shop)))
        file.flush()
        yield Path(file.name)


@contextmanager
def served(
    arguments: argparse.Namespace, *words: str, nice: int = 0, checkout: Path = ROOT
) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """A service of it in a process of its own, with its address; the nicer the lower its priority."""
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--drain-s", "0", *words]
    command += ["--bundle", str(arguments.bundle.resolve()), "--gallery", str(arguments.gallery.resolve())]
    with running(["nice", "-n", str(nice), *command], checkout) as service:
        yield service


@contextmanager
def running(command: list[str], checkout: Path = ROOT) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """A service by its command, with its address."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with NamedTemporaryFile("w+") as log:
        service = subprocess.Popen(command, stderr=log, cwd=checkout, env=environment)
        try:
            yield service, _address(service, Path(log.name))
        finally:
            service.terminate()
            service.wait()


def _address(service: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that it logs once it is ready, after warnings of its libraries."""
    end = time.monotonic() + START_S
    while True:
        has_ended, said = service.poll() is not None, log.read_text()
        ready = next((line for line in said.splitlines(keepends=True) if "serving http" in line), "")
        if ready.endswith("\n"):
            return ready.split()[-1].rstrip("/")
        if has_ended or time.monotonic() > end:
            raise SystemExit((said.strip().splitlines() or ["the service ended before it was ready"])[-1])
        time.sleep(0.05)
