"""Small facts that the worker processes of one service share, in a folder that lives as long as the service."""

import json
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

GAUGES = ("livesum", "livemax", "livemin")  # modes of prometheus-client whose values end with their process


@dataclass(frozen=True, slots=True)
class Serving:
    """The pair that a worker serves: the folder of its model, and the name of its snapshot, empty if it has none."""

    bundle: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """Paths and facts that the workers of one service share.

    Each file is replaced as a whole by a rename, so that a reader sees the old fact or the new one.
    """

    path: Path

    @property
    def socket(self) -> str:
        """Path of the socket at which the leader takes jobs; short, since a Unix socket allows about 100 bytes."""
        return str(self.path / "leader")

    @property
    def metrics(self) -> Path:
        """Folder of the values of prometheus-client's multiprocess mode."""
        return self.path / "metrics"

    @property
    def buckets(self) -> Path:
        """File with the levels of the token buckets."""
        return self.path / "buckets"

    def bundle(self) -> Path | None:
        """Return the folder of the model that all workers shall serve, as the leader has set it; None before that."""
        text = self._read("bundle")
        return None if text is None else Path(str(text))

    def set_bundle(self, bundle: Path) -> None:
        """Makes every worker serve this model."""
        self._write("bundle", str(bundle))

    def set_serving(self, index: int, serving: Serving) -> None:
        """Notes what the worker of this index serves from now on."""
        self._write(f"serving-{index}", [serving.bundle, serving.snapshot])

    def serving(self, index: int) -> Serving | None:
        """Return what the worker of this index serves; None while it starts."""
        facts = self._read(f"serving-{index}")
        return Serving(str(facts[0]), str(facts[1])) if isinstance(facts, list) else None

    def has_gallery(self, index: int) -> bool:
        """True if the worker of this index has a gallery to search."""
        serving = self.serving(index)
        return serving is not None and serving.snapshot != ""

    def beat(self) -> None:
        """Notes that the event loop of this process turns."""
        self._write(f"beat-{os.getpid()}", time.monotonic())

    def beat_of(self, process: int) -> float:
        """Return the last heartbeat of a process, a number that rises with each; 0 if it has had none."""
        beat = self._read(f"beat-{process}")
        return beat if isinstance(beat, float) else 0.0

    def set_leader(self, process: int) -> None:
        """Makes this process the one that takes jobs; 0 if none shall for a moment."""
        self._write("leader-process", process)

    def leader(self) -> int:
        """Return the process that takes jobs, 0 if there is none."""
        process = self._read("leader-process")
        return process if isinstance(process, int) else 0

    def set_working(self, working: bool) -> None:
        """Notes whether the leader has a job."""
        self._write("working", working)

    def working(self) -> bool:
        """True if the leader has a job."""
        return self._read("working") is True

    def set_vacant(self, indexes: Collection[int]) -> None:
        """Notes for which indexes no worker accepts connections, so that the other workers do."""
        self._write("vacant", sorted(indexes))

    def vacant(self) -> frozenset[int]:
        """Return the indexes for which no worker accepts connections."""
        indexes = self._read("vacant")
        return frozenset(map(int, indexes)) if isinstance(indexes, list) else frozenset()

    def forget(self, index: int, process: int, *, vacant: bool) -> None:
        """Removes the facts about a process that has ended; `vacant` if no other one has its index."""
        (self.path / f"beat-{process}").unlink(missing_ok=True)
        for mode in GAUGES:
            (self.metrics / f"gauge_{mode}_{process}.db").unlink(missing_ok=True)
        if vacant:
            (self.path / f"serving-{index}").unlink(missing_ok=True)

    def _read(self, name: str) -> object:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _write(self, name: str, fact: object) -> None:
        sibling = self.path / f".{name}.{os.getpid()}"
        sibling.write_text(json.dumps(fact), encoding="utf-8")
        sibling.replace(self.path / name)


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """The part of one process among the workers of a service."""

    folder: SharedFolder
    index: int  # from 0; a successor has that of the worker it replaces
    workers: int
    replaces: bool = False  # true if that one ended by itself
    proves: bool = False  # true if it must answer a trial search before it accepts connections, since others serve

    @property
    def leads(self) -> bool:
        """True for the worker that runs jobs and compactions."""
        return self.index == 0
