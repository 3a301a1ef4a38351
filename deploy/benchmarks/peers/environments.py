"""Python environments of the peers: each peer gets one of its own, made by pip, so that their pins do not meet."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PIP_S = 1200.0
INTERPRETER = Path("venv", "bin", "python")

# What pip installs for each peer; a version without a wheel for this Python makes the peer "not measured".
GRAPHS = ("onnxruntime==1.31.1", "numpy>=2", "pillow>=11", "tokenizers>=0.21")  # to run a bundle's graphs
PEERS: Mapping[str, tuple[str, ...]] = {
    "LitServe": ("litserve==0.2.19", *GRAPHS),
    "Triton": ("nvidia-pytriton==0.7.0", "onnxruntime==1.31.1", "pillow>=11", "tokenizers>=0.21"),  # with NumPy 1
    "infinity": ("infinity-emb[server,torch]==0.0.78", "torch==2.13.0", "pillow", "aiohttp"),
    "clip-retrieval": ("clip-retrieval==2.45.0", "torch==2.15.0", "torchvision==0.29.2", "setuptools<81"),
    "FAISS": ("faiss-cpu==1.15.1", "numpy>=2"),
    "hnswlib": ("hnswlib==0.8.0", "numpy>=2"),
    "usearch": ("usearch==2.26.6", "numpy>=2"),
    "ScaNN": ("scann==1.4.2",),
    "LanceDB": ("lancedb==0.40.0", "numpy>=2"),
    "milvus-lite": ("milvus-lite==3.2.2", "pymilvus==3.0.2", "numpy>=2"),
    "Milvus": ("milvus==2.3.5", "pymilvus==3.0.2", "setuptools<81", "numpy>=2"),
}


class PeerMissing(Exception):
    """A peer cannot be measured here; the text is the reason that the report gives."""


def installed(name: str, folder: Path, requirements: tuple[str, ...]) -> Path:
    """Return the interpreter of a peer's environment below `folder`, made if it does not have these requirements.

    Raises PeerMissing with pip's last words if it cannot be made here.
    """
    home = folder / name.lower()
    stamp, python = home / "installed.txt", home / INTERPRETER
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(home / "venv", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    print(f"making the environment of {name}", file=sys.stderr)
    try:
        _run([sys.executable, "-m", "venv", str(home / "venv")])
        _run(
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-compile",
                "--disable-pip-version-check",
                *requirements,
            ]
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"could not be installed: {_reason(error)}") from error
    stamp.write_text(wanted)  # last, so that it means complete
    return python


def version(python: Path, package: str) -> str:
    """Return the version of a package in an environment."""
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    done = subprocess.run([str(python), "-c", code, package], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=PIP_S)


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    lines = [line for line in str(said).splitlines() if line.strip() and not line.startswith("WARNING")]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else type(error).__name__)
