"""The images: what the Dockerfile says of all of them, and the steps of `serve` run where there is no Docker."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.deploy import dockerfile
from tests.deploy.conftest import ROOT, Tool

STAGES = dockerfile.read(ROOT / "Dockerfile")
TARGETS = ("serve", "serve-gpu", "train")
# What `cap_drop: [ALL]` leaves of root: with it, permissions count for root as for anybody.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
PREFIX = "/opt/likebut"
OFFLINE = ("NewConnectionError", "name resolution", "No matching distribution found for setuptools")


def test_serve_is_what_a_build_without_a_target_makes() -> None:
    assert next(reversed(STAGES)) == "serve" and set(TARGETS) < set(STAGES)


def test_hadolint_and_shellcheck_find_nothing(tool: Tool) -> None:
    tool("hadolint", "--ignore", "DL3008", "Dockerfile")  # Debian's packages get their fixes, unpinned
    tool("shellcheck", *sorted((ROOT / "deploy").glob("*.sh")))


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_no_root_and_holds_no_source(target: str) -> None:
    found = dockerfile.steps(STAGES, target)
    assert dockerfile.last(found, "USER") == "1000:1000"  # in figures, so that Kubernetes sees that it is not root
    copied = [rest for kind, rest in found if kind == "COPY" and PREFIX in rest]
    assert len(copied) == 1 and copied[0].startswith("--from=") and copied[0].endswith(f"{PREFIX} {PREFIX}")
    builder = copied[0].split()[0].removeprefix("--from=")
    (installs,) = [rest for kind, rest in STAGES[builder].steps if kind == "RUN"]
    assert ("train" in installs) == (target == "train")  # torch is for training alone


@pytest.mark.parametrize("target", ["serve", "serve-gpu"])
def test_an_image_that_serves_can_be_asked_whether_it_lives(target: str) -> None:
    found = dockerfile.steps(STAGES, target)
    assert "/livez" in dockerfile.last(found, "HEALTHCHECK") and json.loads(dockerfile.last(found, "CMD"))


def test_the_build_context_lets_through_what_is_copied_and_little_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    rests = [rest for stage in STAGES.values() for kind, rest in stage.steps if kind == "COPY"]
    copied = {path for rest in rests for path in rest.split()[:-1] if "--from" not in rest}
    assert ignored[0] == "*" and allowed == copied


def copies() -> list[str]:
    return [rest for kind, rest in STAGES["source"].steps if kind == "COPY"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The serve image as far as a folder can be one: /opt/likebut, made by the Dockerfile's own steps."""
    folder = tmp_path_factory.mktemp("image")
    try:
        for rest in copies():
            *sources, target = rest.split()
            for source in sources:
                copy(ROOT / source, folder / "src" / target / (Path(source).name if target.endswith("/") else ""))
        arguments = dockerfile.variables(STAGES["cpu"].steps, "ARG")
        (install,) = [rest for kind, rest in STAGES["cpu"].steps if kind == "RUN"]
        done = subprocess.run(
            ["sh", "-c", install.replace(PREFIX, str(folder / "likebut"))],
            cwd=folder / "src", env={**os.environ, **arguments, "PYTHON": sys.executable, "PYTHONPATH": ""},
            capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        if done.returncode != 0 and any(word in done.stderr for word in OFFLINE):
            pytest.skip("no package can be fetched here")
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder / "likebut"
    finally:
        allow_writing(folder, True)
        shutil.rmtree(folder)


def allow_writing(folder: Path, allowed: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if allowed else mode & ~0o222)


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_the_serve_image_has_what_serves_and_neither_torch_nor_an_installer(image: Path) -> None:
    asked = "from importlib.util import find_spec as f; print(*(n for n in ('faiss', 'torch', 'onnx', 'pip') if f(n)))"
    done = subprocess.run([image / "bin" / "python", "-c", asked], cwd="/", capture_output=True, text=True)
    assert done.stdout.split() == ["faiss"], done.stdout + done.stderr


def test_the_serve_image_answers_where_it_may_write_the_gallery_only(image: Path, gallery: Path) -> None:
    world = image.parent
    shutil.copytree(gallery, world / "gallery")
    shutil.copytree(gallery.parent / "shop", world / "shop")
    keys = world / "keys.jsonl"
    likebut = [image / "bin" / "likebut"]
    made = subprocess.run([*likebut, "keys", "add", keys, "--name", "shop", "--role", "search"], capture_output=True)
    assert made.returncode == 0, made.stderr
    secret = made.stdout.decode().split()[-1]
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = dockerfile.steps(STAGES, "serve")
    environment = dockerfile.variables(found, "ENV") | {
        "PATH": f"{image}/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LIKEBUT_PORT": str(port),
        "LIKEBUT_GALLERY": str(world / "gallery"), "LIKEBUT_KEYS": str(keys), "LIKEBUT_HOST": "127.0.0.1",
    }  # fmt: skip
    allow_writing(image, False)
    before = listed(image)
    check = json.loads(dockerfile.last(found, "HEALTHCHECK").split("CMD ", 1)[1])
    healthy = [image / "bin" / check[0], *check[1:]]
    assert subprocess.run(healthy, env=environment, capture_output=True).returncode != 0  # nothing answers yet
    command = json.loads(dockerfile.last(found, "CMD"))
    limits = WITHOUT_RIGHTS if os.getuid() == 0 else ()
    served = [*limits, image / "bin" / command[0], *command[1:]]
    process = subprocess.Popen(served, env=environment, cwd=world / "gallery", stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 60
        while subprocess.run(healthy, env=environment, capture_output=True).returncode != 0:
            assert process.poll() is None and time.monotonic() < end, process.stderr and process.stderr.read()
            time.sleep(0.2)
        body = json.dumps({"text": "red boots", "k": 3}).encode()
        asked = Request(f"http://127.0.0.1:{port}/search", data=body, headers={"Content-Type": "application/json"})
        with pytest.raises(HTTPError, match="401"):
            urlopen(asked, timeout=10)
        asked.add_header("Authorization", f"Bearer {secret}")
        with urlopen(asked, timeout=10) as answer:
            assert len(json.load(answer)["hits"]) == 3
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=40)
    assert process.returncode == 0, said
    assert listed(image) == before


def listed(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.lstat().st_mtime_ns) for path in folder.rglob("*")}
