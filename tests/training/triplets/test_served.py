"""Real models: behind a real OpenAI-compatible server, and in the run's own process, killed half-way."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from training import __main__
from training.triplets import store, write

ROOT = Path(__file__).parents[3]
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a LLaVA and a chat model of random weights."""
    from tests.training.triplets import tiny

    folder = tmp_path_factory.mktemp("models")
    return {"llava": tiny.tiny_llava(folder / "llava"), "chat": tiny.tiny_chat_model(folder / "chat")}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of `transformers serve`, run as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "serve"
    command: list[str | Path] = [
        Path(sys.executable).with_name("transformers"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with log.open("wb") as file:
        process = subprocess.Popen([*command, "--device", "cpu"], env=OFFLINE, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def settings(folder: Path, pictures: Path, *, captioner: str, reformulator: str) -> Path:
    path = folder / "triplets.toml"
    path.write_text(
        f'[images]\nsource = "folder"\nfolder = "{pictures}"\n[pairs]\ncount = 20\n'
        f"[captioner]\n{captioner}\nmax_tokens = 16\n[reformulator]\n{reformulator}\nmax_tokens = 8\n"
    )
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_served_llava_and_a_served_chat_model_make_triplets(
    tmp_path: Path, pictures: Path, models: dict[str, Path], address: str
) -> None:
    section = f'kind = "endpoint"\nurl = "{address}"\nconcurrency = 2\nmodel = '
    config = settings(
        tmp_path, pictures, captioner=f'{section}"{models["llava"]}"', reformulator=f'{section}"{models["chat"]}"'
    )
    assert __main__.main(["triplets", "make", str(config), "--out", str(tmp_path / "out")]) == 0
    triplets = rows(tmp_path / "out" / write.TRIPLETS)
    assert len(triplets) == 20 and all(0 < len(row["text"].split()) <= 8 for row in triplets)
    assert len({row["caption"] for row in triplets}) > 6  # it uses the images
    report = json.loads((tmp_path / "out" / write.REPORT).read_text())
    assert report["captions"]["answers"] == 12 and report["texts"]["answers"] == 20
    assert 12 < report["captions"]["completion_tokens"] <= 12 * 16 and report["texts"]["prompt_tokens"] > 20 * 50


def test_local_models_killed_half_way_lose_no_answer_and_repeat_none(
    tmp_path: Path, pictures: Path, models: dict[str, Path]
) -> None:
    out, section = tmp_path / "out", 'kind = "local"\nbatch = 2\nmodel = '
    config = settings(
        tmp_path, pictures, captioner=f'{section}"{models["llava"]}"', reformulator=f'{section}"{models["chat"]}"'
    )
    command = [sys.executable, "-m", "training", "triplets", "make", str(config), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, env=OFFLINE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (before := kept(out)):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    before = kept(out)
    assert 0 < len(before) < 32 and not (out / write.TRIPLETS).exists()
    assert __main__.main(command[3:]) == 0
    after = kept(out)
    assert len(after) == 32 and before.items() <= after.items()  # a repeated request would have another time
    assert len(rows(out / write.TRIPLETS)) == 20


def kept(out: Path) -> dict[bytes, float]:
    """Return the answered requests, and the seconds that each took."""
    if not (out / store.FILE).exists():
        return {}
    with closing(sqlite3.connect(out / store.FILE)) as database:
        try:
            return dict(database.execute("SELECT key, seconds FROM answers"))
        except sqlite3.OperationalError:  # the table does not exist yet
            return {}
