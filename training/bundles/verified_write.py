"""Write a bundle only after a copy of it has passed its self-test."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from models import bundle
from models.bundle import Bundle, Manifest
from models.encoder import Encoder


def write_verified(out: Path, files: Mapping[str, bytes | bytearray], manifest: Manifest) -> Manifest:
    """Write the bundle at `out` and return its manifest; raises BundleBroken, with nothing written there."""
    with TemporaryDirectory() as scratch:
        trial = Path(scratch) / "bundle"
        bundle.write(trial, files, manifest)
        Encoder.open(trial)
    bundle.write(out, files, manifest)
    return Bundle.open(out).manifest
