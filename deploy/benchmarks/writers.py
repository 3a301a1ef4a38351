"""Races of two processes for one item, and kills of a served process with writes in flight, through HTTP.

In a race, one process puts or merges attributes of an item while the other deletes it or merges another attribute, both
through `index.edits`. A served process is killed at a random moment, started again, and must have every acknowledged
write. Prints a line for each; fails at the first write that is lost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image

import swaps
from index import edits
from index.edits import Edit, Put
from index.gallery import Gallery
from index.storage.changes import Delete
from models.bundle import SHIPPED
from models.encoder import Encoder

RACERS, CALLERS, IDS = 2, 4, 10  # IDS of each caller
LOAD_S = (0.1, 1.5)  # between the first write and the kill
PIXELS = 10**7


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--races", type=int, default=300)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--racer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.racer is not None:
        race_on_command(arguments.racer)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        source = swaps.source(Path(folder) / "source", "s", max(arguments.races, CALLERS * IDS))
        gallery = Path(folder) / "gallery"
        command = [sys.executable, "-m", "index", "build", str(source), "--gallery", str(gallery), "--progress", "none"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        lost = races(gallery, arguments.races)
        print(f"{arguments.races} races of two processes for one item: {lost} acknowledged edits lost")
        acknowledged, wrong = kills(gallery, arguments.kills, Random(arguments.seed))
        print(f"{arguments.kills} kills of a served process: {len(wrong)} of {acknowledged} acknowledged writes lost")
    for line in wrong:
        print(line)
    return int(lost + len(wrong) > 0)


def races(gallery: Path, count: int) -> int:
    """The number of acknowledged edits that are not there after the races."""
    command = [sys.executable, __file__, "--racer", str(gallery)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(RACERS)
    ]
    opened = Gallery.open(gallery, space_id=Encoder.open(SHIPPED).manifest.space_id)
    lost = done_edits = 0
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()  # it has opened the gallery
    for number in range(count):
        id, deletes = f"s{number}", number % 2 == 0
        starts = time.time() + 0.01
        for name, racer in zip(("a", "b"), racers, strict=True):
            assert racer.stdin is not None
            kind = "delete" if deletes and name == "a" else "put" if deletes else "merge"
            racer.stdin.write(json.dumps({"id": id, "kind": kind, "name": name, "starts": starts}) + "\n")
            racer.stdin.flush()
        acknowledged = []
        for racer in racers:
            assert racer.stdout is not None
            acknowledged.append(racer.stdout.readline().strip() == "done")
        done_edits += sum(acknowledged)
        view = opened.view()
        if deletes:
            lost += acknowledged[0] and id in view
        else:
            there = view.item(id).attributes
            lost += sum(done and name not in there for done, name in zip(acknowledged, ("a", "b"), strict=True))
    for racer in racers:
        racer.communicate()
    opened.journal.close()
    assert done_edits > count, f"only {done_edits} of {2 * count} edits were acknowledged"
    return lost


def race_on_command(gallery_path: Path) -> None:
    """Makes the edit of each line at the time that the line names, and says how it ended."""
    encoder = Encoder.open(SHIPPED)
    gallery = Gallery.open(gallery_path, space_id=encoder.manifest.space_id)
    print("open", flush=True)
    for line in sys.stdin:
        race = json.loads(line)
        edit: Edit = Put(race["id"], None, {race["name"]: 1}, merge=race["kind"] == "merge")
        if race["kind"] == "delete":
            edit = Delete(race["id"])
        while time.time() < race["starts"]:
            pass
        (problem,) = edits.apply([edit], lambda: (encoder, gallery), max_pixels=PIXELS)
        print("done" if problem is None else problem, flush=True)


def _image() -> str:
    file = BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "PNG")
    return b64encode(file.getvalue()).decode()


IMAGE = _image()


@dataclass
class HttpWriter:
    """One client with ids of its own: what was acknowledged to it last, and what it began and heard nothing of."""

    address: str
    ids: Sequence[str]
    random: Random
    acknowledged: dict[str, int | None] = field(default_factory=dict)  # id → version, None if it is deleted
    begun: dict[str, int | None] = field(default_factory=dict)
    count: int = 0

    def write(self) -> None:
        """Puts and deletes items until the service is gone."""
        while True:
            id = self.random.choice(self.ids)
            version = None if self.random.random() < 0.3 else self.random.randrange(2**31)
            if self.acknowledged.get(id, 0) is None and version is None:
                continue  # deleted already
            self.begun[id] = version
            try:
                send(self.address, id, version)
            except urllib.error.HTTPError as error:
                raise SystemExit(f"{id} was refused with {error.code}: {error.read()!r}") from error
            except (OSError, HTTPException):
                return  # it was killed
            del self.begun[id]
            self.acknowledged[id] = version
            self.count += 1


def kills(gallery: Path, count: int, random: Random) -> tuple[int, list[str]]:
    """The number of acknowledged writes, and a line for each that was not there after a kill."""
    state: dict[str, int | None] = {}
    began: dict[str, int | None] = {}
    wrong: list[str] = []
    total = 0
    for number in range(count + 1):
        with tempfile.NamedTemporaryFile("w+") as log:
            command = [sys.executable, "-m", "service", "serve", "--port", "0", "--gallery", str(gallery)]
            service = subprocess.Popen(command, stderr=log)
            try:
                address = swaps.served(service, Path(log.name))
                for id in state | began:
                    there = version_at(address, id)
                    if there not in {state.get(id, there), began.get(id, state.get(id, there))}:
                        wrong.append(f"kill {number}: {id} is {there}, not {state.get(id)}")
                    state[id] = there
                began.clear()
                if number < count:
                    total += load(service, address, state, began, random)
            finally:
                service.kill()
                service.wait()
    return total, wrong


def load(
    service: "subprocess.Popen[bytes]",
    address: str,
    state: dict[str, int | None],
    began: dict[str, int | None],
    random: Random,
) -> int:
    """Writes from several threads, and kills the service at a random moment; the number of acknowledged writes."""
    callers = []
    for number in range(CALLERS):
        ids = [f"c{number}-{each}" for each in range(IDS)]
        known = {id: state[id] for id in ids if id in state}
        callers.append(HttpWriter(address, ids, Random(random.random()), known))
    threads = [threading.Thread(target=caller.write) for caller in callers]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(*LOAD_S))
    service.kill()
    for caller, thread in zip(callers, threads, strict=True):
        thread.join()
        state |= caller.acknowledged
        began |= caller.begun
    return sum(caller.count for caller in callers)


def send(address: str, id: str, version: int | None) -> None:
    """Puts an item of that version, with its image, or deletes it; returns when it is acknowledged."""
    body = {"image": {"base64": IMAGE}, "attributes": {"version": version}}
    data, method = (None, "DELETE") if version is None else (json.dumps(body).encode(), "PUT")
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/items/{id}", data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as reply:
        reply.read()


def version_at(address: str, id: str) -> int | None:
    """The version of an item; None if there is none."""
    try:
        attributes = swaps.fetch_json(f"{address}/items/{id}")["attributes"]
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None
    assert isinstance(attributes, dict)
    return int(attributes["version"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
