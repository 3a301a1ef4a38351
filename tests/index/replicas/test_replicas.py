"""Galleries that are pushed to a place and pulled to replicas have the items of their writer, and nothing half done."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import fsspec
import numpy as np
import pytest

from index.__main__ import main
from index.build.build import build
from index.build.publish import roll_back
from index.edits import Put
from index.replicas import place, pushed
from index.replicas.place import FolderPlace, Place
from index.replicas.pull import Pulled, pull
from index.replicas.push import push
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete
from models.bundle import Bundle
from models.encoder import Encoder
from models.errors import GalleryError, GalleryReadOnly, SourceError, SpaceMismatch
from tests.index.uploads import apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, draw: "Draw") -> Path:
    """A gallery of forty pictures."""
    folder = tmp_path_factory.mktemp("shop")
    build(draw(folder / "pictures", 40), folder / "gallery", encoder, progress=quiet)
    return folder / "gallery"


@pytest.fixture
def writer(shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop, tmp_path / "writer"))


@pytest.fixture(params=["folder", "memory", "store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place; that in a store of its own needs the URL of an empty bucket or folder in STORE_URL."""
    if request.param == "folder":
        yield place.parse(str(tmp_path / "place"))
        return
    name = f"memory://{uuid.uuid4().hex}"
    if request.param == "store":
        if "STORE_URL" not in os.environ:
            pytest.skip("STORE_URL names no store")
        name = f"{os.environ['STORE_URL']}/{uuid.uuid4().hex}"
    yield place.parse(name)
    system, path = fsspec.core.url_to_fs(name)
    if system.exists(path):
        system.rm(path, recursive=True)


@pytest.fixture
def model(bundle: Path) -> Bundle:
    return Bundle.open(bundle)


def answers(gallery: Path, encoder: Encoder) -> list[list[tuple[str, float]]]:
    """The ids and scores of some searches."""
    queries = encoder.gallery(np.stack([encoder.preprocess(picture(seed)) for seed in range(3)]))
    view = opened(gallery, encoder).view()
    return [
        [(hit.item.id, hit.score) for hit in found.hits] for found in view.search(queries, [SearchRequest(k=9)] * 3)
    ]


def changed(gallery: Path, encoder: Encoder, *edits: Put | Delete) -> None:
    """Makes changes, as a service does."""
    store = opened(gallery, encoder)
    assert apply(edits, store, encoder) == [None] * len(edits)
    store.store.close()


def test_a_replica_answers_as_its_writer_and_brings_only_what_is_new(
    writer: Path, store: Place, tmp_path: Path, encoder: Encoder, model: Bundle
) -> None:
    replica = tmp_path / "replica"
    first = push(writer, store)
    files = len(snapshot.live_manifest(writer).entries)
    assert first.sent == files and push(writer, store).sent == 0
    brought = pull(store, replica, model)
    assert (brought.snapshot, brought.brought, brought.items) == (first.snapshot, files, 40)
    assert answers(replica, encoder) == answers(writer, encoder)
    assert pull(store, replica, model) == Pulled(first.snapshot, 40, 0, 0)

    image = picture(7)
    changed(writer, encoder, Put("new", [image], {"price": 3}), Delete("0001"))
    second = push(writer, store)  # with the changes folded in
    assert second.snapshot != first.snapshot and second.items == 40 and 0 < second.sent <= files
    brought = pull(store, replica, model, checked=first.snapshot)
    assert (brought.snapshot, brought.brought) == (second.snapshot, second.sent)
    assert answers(replica, encoder) == answers(writer, encoder)
    (uploaded,) = (path for path in (replica / "uploaded").rglob("*") if path.is_file())
    assert uploaded.read_bytes() == image


def test_the_last_three_stay_at_both_ends(
    writer: Path, store: Place, tmp_path: Path, encoder: Encoder, model: Bundle
) -> None:
    replica, names = tmp_path / "replica", []
    for number in range(5):
        changed(writer, encoder, Put(f"new-{number}", [picture(100 + number)], {}))
        names.append(push(writer, store).snapshot)
        pull(store, replica, model)
    assert [path.name for path in snapshot.folders(replica)] == names[-3:]
    assert {name.partition(".")[0] for name in store.sizes(pushed.SNAPSHOTS)} == set(names[-3:])
    needed = {entry.sha256 for name in names[-3:] for entry in pushed.manifest(store, name).entries}
    assert store.sizes(pushed.FILES).keys() == needed
    roll_back(writer, names[-2])  # with the change since, which the push folds in
    last = push(writer, store)
    assert last.snapshot > names[-1] and pull(store, replica, model).snapshot == last.snapshot
    assert answers(replica, encoder) == answers(writer, encoder)


def test_a_damaged_file_in_the_place_is_never_made_live(
    writer: Path, store: Place, tmp_path: Path, encoder: Encoder, model: Bundle
) -> None:
    replica = tmp_path / "replica"
    push(writer, store)
    before = pull(store, replica, model).snapshot
    changed(writer, encoder, Delete("0001"))
    name = push(writer, store).snapshot
    (vectors,) = (each for each in pushed.manifest(store, name).files if each.file == snapshot.VECTORS)
    data = store.read(f"{pushed.FILES}/{vectors.sha256}")
    store.write(f"{pushed.FILES}/{vectors.sha256}", data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SourceError, match="not as it was pushed"):
        pull(store, replica, model)
    assert snapshot.current(replica) == before and [path.name for path in snapshot.folders(replica)] == [before]
    store.remove(f"{pushed.FILES}/{vectors.sha256}")
    assert push(writer, store).sent == 1
    assert store.read(f"{pushed.FILES}/{vectors.sha256}") == data
    assert pull(store, replica, model).snapshot == name


def test_what_is_damaged_here_is_brought_again(
    writer: Path, store: Place, tmp_path: Path, encoder: Encoder, model: Bundle
) -> None:
    replica = tmp_path / "replica"
    push(writer, store)
    live = snapshot.SNAPSHOTS, pull(store, replica, model).snapshot, snapshot.VECTORS
    path = replica.joinpath(*live)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert pull(store, replica, model).brought == 1
    assert path.read_bytes() == data
    assert answers(replica, encoder) == answers(writer, encoder)


class CountingPlace(FolderPlace):
    """A folder that counts the bytes that it gives."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._counts = list[int]()  # of several threads

    @property
    def given(self) -> int:
        """Bytes so far."""
        return sum(self._counts)

    def append(self, file: str, target: IO[bytes]) -> None:
        before = target.seek(0, os.SEEK_END)
        super().append(file, target)
        self._counts.append(target.tell() - before)


def test_a_pull_goes_on_in_the_middle_of_a_file(writer: Path, tmp_path: Path, model: Bundle) -> None:
    store, replica = CountingPlace(tmp_path / "place"), tmp_path / "replica"
    push(writer, store)
    live = snapshot.live(writer)
    sizes = {entry.file: entry.bytes for entry in live.manifest.entries}
    folder = replica / snapshot.PULLING / live.manifest.name
    folder.mkdir(parents=True)
    (replica / snapshot.REPLICA).write_text(store.name)
    (replica / snapshot.PULLING / "an-older-one").mkdir()
    shutil.copy(live.path / snapshot.ITEMS, folder)
    (folder / f"{snapshot.VECTORS}.part").write_bytes((live.path / snapshot.VECTORS).read_bytes()[:1000])
    lost = sizes[snapshot.ATTRIBUTES] // 2
    (folder / f"{snapshot.ATTRIBUTES}.part").write_bytes(bytes(lost))  # as a power cut may leave it
    assert pull(store, replica, model).brought == len(sizes) - 1
    again = sizes[snapshot.ATTRIBUTES] - lost
    assert store.given == sum(sizes.values()) - sizes[snapshot.ITEMS] - 1000 + again
    assert snapshot.live(replica).manifest == live.manifest
    assert not list((replica / snapshot.PULLING).iterdir())


def test_killed_pulls_leave_a_whole_gallery(writer: Path, tmp_path: Path, encoder: Encoder, model: Bundle) -> None:
    store, replica = place.parse(str(tmp_path / "place")), tmp_path / "replica"
    push(writer, store)
    first = pull(store, replica, model).snapshot
    changed(writer, encoder, Put("new", [picture(7)], {}))
    second = push(writer, store).snapshot
    command = [sys.executable, "-m", "index", "pull", store.name, "--gallery", str(replica)]
    begun = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    whole_s = time.monotonic() - begun
    for number in range(12):
        shutil.rmtree(replica / snapshot.SNAPSHOTS / second, ignore_errors=True)
        (replica / snapshot.CURRENT).write_text(f"{first}\n")
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
            time.sleep(whole_s * (0.5 + number / 20))
            child.send_signal(signal.SIGKILL)
        assert snapshot.live(replica).manifest.name in (first, second)  # with every digest checked
    assert pull(store, replica, model).snapshot == second
    assert answers(replica, encoder) == answers(writer, encoder)


def test_each_model_has_the_snapshots_of_its_space(
    writer: Path, store: Place, tmp_path: Path, encoder: Encoder, model: Bundle, split_bundle: Path, draw: "Draw"
) -> None:
    other = Bundle.open(split_bundle)
    with pytest.raises(SourceError, match="holds no gallery"):
        pull(store, tmp_path / "replica", model)
    push(writer, store)
    with pytest.raises(SpaceMismatch, match=r"has no snapshot for the bundle .*--bundle"):
        pull(store, tmp_path / "new", other)
    assert not (tmp_path / "new" / snapshot.CURRENT).exists()
    build(draw(tmp_path / "pictures", 9), tmp_path / "built", Encoder.open(split_bundle), progress=quiet)
    new = push(tmp_path / "built", store)
    for number in range(2):  # those of the old model go on
        changed(writer, encoder, Delete(f"000{number}"))
        old = push(writer, store)
        assert pull(store, tmp_path / "replica", model).snapshot == old.snapshot
        assert pull(store, tmp_path / "new", other).snapshot == new.snapshot
    assert answers(tmp_path / "replica", encoder) == answers(writer, encoder)


def test_a_replica_refuses_changes_and_names_its_writer(
    writer: Path, tmp_path: Path, encoder: Encoder, model: Bundle, capsys: pytest.CaptureFixture[str], draw: "Draw"
) -> None:
    store, replica = place.parse(str(tmp_path / "place")), tmp_path / "replica"
    changed(writer, encoder, Put("new", [picture(7)], {}))
    push(writer, store)
    pull(store, replica, model)
    before = sorted(replica.rglob("*"))
    with pytest.raises(GalleryReadOnly, match=store.name):
        changed(replica, encoder, Delete("new"))
    draw(tmp_path / "pictures", 3)
    for words in (["build", str(tmp_path / "pictures"), "--gallery"], ["compact"], ["tune", "--recall", ".9"]):
        assert main([*words, str(replica)]) == 2
        assert store.name in capsys.readouterr().err
    assert sorted(replica.rglob("*")) == before

    (replica / snapshot.REPLICA).unlink()  # it becomes a writer, say because the other is lost
    assert main(["repair", str(replica)]) == 0
    changed(replica, encoder, Put("newer", [picture(8)], {}))
    with pytest.raises(GalleryError, match="gallery of its own"):
        pull(store, replica, model)
    with pytest.raises(GalleryError, match="gallery of its own"):
        pull(store, writer, model)


def test_the_command_pulls_again_and_again(writer: Path, tmp_path: Path, encoder: Encoder, model: Bundle) -> None:
    store, replica = place.parse(str(tmp_path / "place")), tmp_path / "replica"
    command = [sys.executable, "-m", "index", "pull", store.name, "--gallery", str(replica), "--watch", ".1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stderr is not None
        assert "holds no gallery" in child.stderr.readline()
        for number in range(2):
            changed(writer, encoder, Delete(f"000{number}"))
            name = push(writer, store).snapshot
            assert child.stdout.readline().startswith(f"snapshot {name} of {store.name}, of {39 - number} items")
            assert snapshot.current(replica) == name
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
