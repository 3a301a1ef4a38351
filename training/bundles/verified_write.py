"""A bundle that is written only once a copy of it has passed its self-test."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from models import bundle
from models.bundle import Bundle, Manifest
from models.encoder import Encoder


def proven(out: Path, files: Mapping[str, bytes | bytearray], manifest: Manifest) -> Manifest:
    """Writes the bundle at `out` and gives its manifest; raises BundleBroken, with nothing written there."""
    with TemporaryDirectory() as scratch:
        trial = Path(scratch) / "bundle"
        bundle.write(trial, files, manifest)
        Encoder.open(trial)
    bundle.write(out, files, manifest)
    return Bundle.open(out).manifest
