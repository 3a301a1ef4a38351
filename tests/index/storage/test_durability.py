"""What was acknowledged is there after a kill, a full disk and two writers at once."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from index.build.build import build
from index.gallery import Gallery
from index.storage.changes import Delete, Upsert
from index.storage.journal import Journal
from models.encoder import Encoder

if TYPE_CHECKING:
    from tests.index.conftest import Draw

ROOT = Path(__file__).parents[3]
KILLS = 20

# Forks, so that the many children need not import anew; each opens the journal itself.
COMMON = """
import json, os, random, resource, signal, sys, time
from pathlib import Path
import numpy as np
from index.items.items import GalleryItem
from index.storage.changes import Upsert
from index.storage.journal import Journal
from models.errors import GalleryError

gallery = Path(sys.argv[1])

def batch(name, size, dimension):
    vector = np.random.default_rng(size).standard_normal(dimension).astype(np.float16)
    return [Upsert(GalleryItem(f"{name}/{part}/{size}", "", {}), "ab", "cd", vector) for part in range(size)]

def fork(work):
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return child
"""

KILLED = """
chance = random.Random(5)
for life in range(int(sys.argv[2])):
    reading, writing = os.pipe()
    def work():
        os.close(reading)
        sizes = random.Random(life)
        journal = Journal.open(gallery)
        for number in range(10_000):
            last = journal.append(batch(f"{life}/{number}", sizes.choice((1, 2, 40, 80)), 2048))
            os.write(writing, b"%d\\n" % last)
    child = fork(work)
    os.close(writing)
    heard = os.read(reading, 65536) if life % 5 else b""  # one of five may die while it opens the journal
    time.sleep(chance.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    acked = (heard + os.fdopen(reading, "rb").read()).split()
    print(json.dumps([int(last) for last in acked]), flush=True)
    sys.stdin.readline()
"""

TOGETHER = """
reading, writing = os.pipe()
def work():
    os.close(writing)
    os.read(reading, 1)  # until all are there
    with Journal.open(gallery) as journal:
        for number in range(12):
            journal.append(batch(f"{os.getpid()}/{number}", 1 + number % 3 * 40, 2048))
children = [fork(work) for _ in range(4)]
os.close(writing)
print(json.dumps([os.waitpid(child, 0)[1] for child in children]))
"""

FULL = """
room = int(sys.argv[2])
journal = Journal.open(gallery)
last = journal.append(batch("before", 10, 2048))
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
told = ""
for number in range(1000):
    try:
        last = journal.append(batch(f"full/{number}", 10, 2048))
    except GalleryError as error:
        told = str(error)
        break
seen = [journal.last(), len(journal.since(0))]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after = journal.append(batch("after", 10, 2048))
print(json.dumps([told, last, seen, after]))
"""

READ_ONLY = """
journal = Journal.open(gallery)
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everything
try:
    with Journal.open(gallery) as other:
        other.append(batch("refused", 1, 16))
    print(json.dumps("written"))
except GalleryError as error:
    print(json.dumps(str(error)))
"""


READ_ALONG = """
import encodings.cp437  # of zip files; another user may not read Python's own folder
from index.gallery import Gallery
from index.search.request import SearchRequest

space_id, dimension = sys.argv[2], int(sys.argv[3])
if os.geteuid() == 0:
    os.setuid(65534)
opened = Gallery.open(gallery, space_id=space_id)
(found,) = opened.view().search(np.eye(1, dimension, dtype=np.float32), [SearchRequest(k=100)])
try:
    opened.change([Upsert(GalleryItem("refused", "", {}), "ab", space_id, np.ones(dimension, np.float16))])
    told = "written"
except GalleryError as error:
    told = str(error)
print(json.dumps([sorted(hit.item.id for hit in found.hits), told]))
"""


def python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", COMMON + script, *map(str, arguments)]


def answer(script: str, *arguments: object) -> Any:
    done = subprocess.run(python(script, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_whole(journal: Journal) -> int:
    """How many changes there are, each batch whole and in one piece."""
    ids = [entry.change.id for entry in journal.since(0)]
    position = 0
    while position < len(ids):
        name, first, size = ids[position].rsplit("/", 2)
        assert first == "0"
        assert ids[position : position + int(size)] == [f"{name}/{part}/{size}" for part in range(int(size))]
        position += int(size)
    return len(ids)


def test_every_acknowledged_change_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    count, lives = 0, 0
    with subprocess.Popen(
        python(KILLED, tmp_path, KILLS), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for line in child.stdout:
            acked: list[int] = json.loads(line)
            assert acked == sorted(set(acked))
            assert all(last > count for last in acked)
            with Journal.open(tmp_path) as journal:
                before, count = count, check_whole(journal)
                assert journal.last() == count
                assert count >= max(acked, default=before)
                for entry in journal.since(before):
                    assert isinstance(entry.change, Upsert)
                    assert entry.change.vector.shape == (2048,)
            lives += len(acked) > 0
            child.stdin.write("\n")
            child.stdin.flush()
    assert child.returncode == 0
    assert lives >= KILLS * 4 // 5  # or the children were killed before they wrote anything


def test_several_processes_that_open_and_append_at_once_lose_nothing(tmp_path: Path) -> None:
    assert answer(TOGETHER, tmp_path) == [0] * 4
    with Journal.open(tmp_path) as journal:
        assert check_whole(journal) == journal.last() == 4 * 4 * (1 + 41 + 81)
        orders: dict[str, list[int]] = {}
        for entry in journal.since(0):
            process, number, *_ = entry.change.id.split("/")
            orders.setdefault(process, []).append(int(number))
        assert len(orders) == 4
        assert all(numbers == sorted(numbers) for numbers in orders.values())


@pytest.mark.parametrize("room", [100_000, 333_333, 1_000_000])
def test_a_full_disk_is_said_in_a_sentence_and_nothing_of_the_batch_is_kept(tmp_path: Path, room: int) -> None:
    told, last, seen, after = answer(FULL, tmp_path, room)
    assert "takes no more" in told
    assert "make room" in told
    assert seen == [last, last]
    assert after == last + 10
    with Journal.open(tmp_path) as journal:
        assert check_whole(journal) == after


def test_a_journal_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    with Journal.open(tmp_path):
        pass
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        (tmp_path / "journal.sqlite").chmod(0o400)
    told = answer(READ_ONLY, tmp_path)
    assert "journal.sqlite cannot be written" in str(told)


@pytest.mark.parametrize("held", [False, True])
def test_a_gallery_that_may_not_be_written_is_searched_with_its_changes(
    tmp_path: Path, encoder: Encoder, draw: "Draw", held: bool
) -> None:
    space_id, dimension = encoder.manifest.space_id, encoder.manifest.dimension
    with tempfile.TemporaryDirectory() as name:  # a folder of pytest's may be read by its owner only
        Path(name).chmod(0o755)
        gallery = Path(name) / "gallery"
        build(draw(tmp_path / "pictures", 4), gallery, encoder, progress=lambda progress: None)
        opened = Gallery.open(gallery, space_id=space_id)
        opened.change([Delete("0001")])
        if not held:
            opened.journal.close()
        assert (gallery / "journal.sqlite-wal").exists() == held
        gallery.chmod(0o555)
        try:
            found, told = answer(READ_ALONG, gallery, space_id, dimension)
        finally:
            gallery.chmod(0o755)
        opened.journal.close()
    assert found == ["0000", "0002", "0003"]
    assert "cannot be written" in told
