"""Fixtures and markers of all tests: the service as its own process, exported bundles, what a test needs to run."""

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from filelock import FileLock

from tests.imports import ROOT, reach

Serve = Callable[..., AbstractContextManager[str]]

# What the extras train and triplets install.
TRAINING = {"jinja2", "matplotlib", "onnx", "onnxscript", "open_clip", "peft", "tenacity", "tomli_w", "torch"} | {
    "torchvision",
    "transformers",
}
PROCESSES = {"Popen", "multiprocessing", "subprocess"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the files that cannot be imported without torch, if the tests that need it are not selected."""
    file = collection_path / "conftest.py" if collection_path.is_dir() else collection_path
    left_out = "not torch" in config.option.markexpr and file.suffix == ".py" and file.exists() and _needs_torch(file)
    return True if left_out else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by what it needs: torch, a browser, processes of its own."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if _needs_torch(item.path):
            item.add_marker("torch")
        if "browser" in item.fixturenames:
            item.add_marker("browser")
        fixtures = [fixture.func for defs in item._fixtureinfo.name2fixturedefs.values() for fixture in defs]
        if any(_uses(function, PROCESSES) for function in (item.function, *fixtures)):
            item.add_marker("process")


def _needs_torch(path: Path) -> bool:
    return not TRAINING.isdisjoint(name.split(".")[0] for name in reach(path))


def _uses(function: Callable[..., object], names: set[str]) -> bool:
    """Return whether the function, or one of its own file that it calls, uses one of the global names."""
    rest, seen = [inspect.unwrap(function)], list[object]()
    while rest:
        caller = rest.pop()
        if not isinstance(caller, FunctionType) or caller in seen:
            continue
        seen.append(caller)
        used = set(_names(caller.__code__))
        if not names.isdisjoint(used):
            return True
        values = [inspect.unwrap(value) for name in used if callable(value := caller.__globals__.get(name))]
        rest += [value for value in values if getattr(value, "__module__", None) == caller.__module__]
    return False


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes that a function and those defined in it use."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`with serve("--gallery", path, …) as address` starts the service; on leaving, it must shut down with status 0.

    The command `under` starts it, if there is one. It has one worker unless a word says otherwise, since that starts
    faster.
    """

    @contextmanager
    def serving(*words: str | Path, under: Sequence[str] = ()) -> Iterator[str]:
        log = tmp_path_factory.mktemp("log") / "stderr"  # a file, since an unread pipe fills and stops the process
        command = [*under, sys.executable, "-m", "service.cli", "serve", "--port", "0", "--drain-s", "0"]
        command += [*(() if "--workers" in words else ("--workers", "1")), *map(str, words)]
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
    """A tiny two-stage bundle, exported in a process of its own, since serving never imports torch."""
    return exported(tmp_path_factory, "tiny")


@pytest.fixture(scope="session")
def reranking_bundle(split_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny two-stage bundle with a re-ranker."""
    return exported(tmp_path_factory, "reranking", split_bundle)


@pytest.fixture(scope="session")
def sum_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weighted sum of the shipped bundle's towers: another model with its space."""
    return exported(tmp_path_factory, "sum", module="sum_bundle")


def exported(tmp_path_factory: pytest.TempPathFactory, name: str, *words: str | Path, module: str = "tiny") -> Path:
    """Return a bundle that a module of tests/models writes once for all workers of pytest-xdist."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with FileLock(folder / f"{name}.lock"):
        if not (out := folder / name).exists():
            command = [sys.executable, "-m", f"tests.models.{module}", out, *words]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out
