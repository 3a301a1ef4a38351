"""What several folders of tests share: the service as its own process, as a user starts it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`with serve("--gallery", path, …) as address`: ready when entered; on leaving it must end in order."""

    @contextmanager
    def serving(*words: str | Path) -> Iterator[str]:
        log = tmp_path_factory.mktemp("log") / "stderr"  # a file, since an unread pipe fills and stops the process
        command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--drain-s", "0", *map(str, words)]
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=file)
        try:
            end = time.monotonic() + 60
            while "\n" not in log.read_text(encoding="utf-8"):
                assert process.poll() is None and time.monotonic() < end, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            line = log.read_text(encoding="utf-8").splitlines()[0]
            assert line.startswith("likebut: serving http://127.0.0.1:"), line
            yield line.split()[-1].rstrip("/")
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=30)
        assert status == 0

    return serving


@pytest.fixture(scope="session")
def split_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny two-stage bundle, exported in a process of its own: what serves never imports torch."""
    out = tmp_path_factory.mktemp("bundle") / "tiny"
    subprocess.run([sys.executable, "-m", "tests.models.tiny", out], cwd=ROOT, check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def reranking_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a re-ranker."""
    out = tmp_path_factory.mktemp("bundle") / "reranking"
    words = [sys.executable, "-m", "tests.models.tiny", out, "rerank"]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return out
