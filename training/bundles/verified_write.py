"""Write a bundle only after a copy of it has passed its self-test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from models import bundle
from models.bundle import Bundle, Content, Manifest
from models.encoder import Encoder


def write_verified(out: Path, files: Mapping[str, Content], manifest: Manifest) -> Manifest:
    """Write the bundle at `out` and return its manifest; raises BundleBroken, with nothing written there."""
    with trial(files, manifest) as folder:
        Encoder.open(folder)
    bundle.write(out, files, manifest)
    return Bundle.open(out).manifest


@contextmanager
def trial(files: Mapping[str, Content], manifest: Manifest) -> Iterator[Path]:
    """Write the bundle to a folder that is removed at the end."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        bundle.write(folder, files, manifest)
        yield folder
