"""A disk that takes no more is said in a sentence, and costs neither the live gallery nor the next attempt."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index.build.build import build
from index.build.snapshot_writer import Progress
from index.gallery import Gallery
from index.storage import snapshot
from index.storage.changes import Delete
from models.encoder import Encoder

if TYPE_CHECKING:
    from tests.index.conftest import Draw

ROOT = Path(__file__).parents[3]
COUNT = 150

# There is room for half of a file of the snapshot, for several in turn. The gallery stays open, so that SQLite need not
# make its files.
FULL = """
import json, resource, sys
from pathlib import Path
from index.build.build import build
from index.build.compact import compact
from index.build.tune import recode, tune
from index.gallery import Gallery
from index.storage import snapshot
from models.encoder import Encoder
from models.errors import GalleryError

gallery, source, bundle, verb = *map(Path, sys.argv[1:4]), sys.argv[4]
encoder = Encoder.open(bundle)
quiet = lambda progress: None
work = {
    "build": lambda: build(source, gallery, encoder, progress=quiet),
    "compact": lambda: compact(gallery, progress=quiet),
    "recode": lambda: recode(gallery, "fp16"),
    "tune": lambda: tune(gallery, goal=0.9),
}[verb]
opened = Gallery.open(gallery, space_id=encoder.manifest.space_id)
live = snapshot.live(gallery)
sizes = {path.name: path.stat().st_size for path in live.path.iterdir()}
told = {}
for name in sys.argv[5:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[name] // 2, resource.RLIM_INFINITY))
    try:
        work()
        told[name] = "written"
    except GalleryError as error:
        told[name] = str(error)
    assert snapshot.current(gallery) == live.manifest.name
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == len(opened.view())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
work()
assert snapshot.current(gallery) != live.manifest.name
print(json.dumps(told))
"""


def quiet(progress: Progress) -> None:
    """Ignore the progress."""


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        ("build", [snapshot.LISTS, "shard-0000.faiss", snapshot.PROBE]),
        ("compact", [snapshot.LISTS, "shard-0000.faiss", snapshot.PROBE]),
        ("recode", ["shard-0000.faiss"]),
        ("tune", ["manifest.json"]),
    ],
)
def test_a_full_disk_is_a_sentence_and_leaves_the_live_gallery_and_the_next_attempt_whole(
    tmp_path: Path, encoder: Encoder, bundle: Path, draw: "Draw", verb: str, names: list[str]
) -> None:
    gallery, source = tmp_path / "gallery", draw(tmp_path / "pictures", COUNT)
    for path in source.iterdir():
        os.utime(path, (0, 0))  # known by its time, so that the build does not begin with embedding
    build(source, gallery, encoder, progress=quiet)
    if verb == "build":
        (source / "0000.png").unlink()
    if verb == "compact":
        Gallery.open(gallery, space_id=encoder.manifest.space_id).change([Delete("0000")])
    arguments = [str(gallery), str(source), str(bundle), verb, *names]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    assert set(told) == set(names)
    assert all("cannot be written" in sentence and "make room" in sentence for sentence in told.values()), told
    if verb == "recode":  # the others write a file of their own before
        assert "shard-0000.faiss cannot" in told["shard-0000.faiss"], told
    assert not list((gallery / snapshot.SNAPSHOTS).glob(f".{snapshot.DRAFT}*"))
    left = COUNT - (verb in ("build", "compact"))
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == left
