"""Repairs a journal that lacks acknowledged changes: gives them up, so that the gallery opens again."""

from dataclasses import dataclass
from pathlib import Path

from index.storage import high_water, journal_file, snapshot
from index.storage.high_water import HighWater
from index.storage.journal import Journal
from models.errors import GalleryBroken


@dataclass(frozen=True, slots=True)
class Repaired:
    """Result of a repair: the numbers of the changes that were given up, and of the last change.

    If the mark of acknowledged changes was damaged, more may be lost than those that are `known`.
    """

    lost: list[int]
    last: int
    known: bool


def repair(gallery: Path) -> Repaired:
    """Gives up the changes that the journal lost since the live snapshot, and no other.

    Raises GalleryMissing or GalleryBroken if no snapshot is live or the journal is damaged as a file or of another
    gallery, and JobRunning. Stop the services of the gallery first: they may still have what the file has not.
    """
    with snapshot.build_lock(gallery):
        through = snapshot.live_manifest(gallery).through
        try:
            mark, known = high_water.read(gallery), True
        except GalleryBroken:
            mark, known = None, False  # written anew below
        path = gallery / snapshot.JOURNAL
        existed = path.exists() and path.stat().st_size > 0
        with Journal.unchecked(gallery) as journal:
            if existed and mark is not None and (mark.seq or journal.last()) and mark.journal != journal.id:
                journal_file.require_complete(path, id=journal.id, last=journal.last(), mark=mark, through=through)
            lost = journal.fill(through, max(through, 0 if mark is None else mark.seq))
            last = journal.last()
            high_water.replace(gallery, HighWater(journal.id, last))
    return Repaired(lost, last, known)
