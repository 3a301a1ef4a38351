"""The items that a build would remove from the gallery: more than a share of them is refused."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.items import items
from index.sources.embedded import SkippedRow
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from models.errors import ConfigError, GalleryError, LossRefused

MAX_LOSS = 0.05  # of the live items
SHOWN = 3


@dataclass(frozen=True, slots=True)
class LossLimit:
    """The ids of the live items, and the share of them that a build from `source` may remove."""

    live: Collection[str]
    share: float
    source: str

    @classmethod
    def read(cls, gallery: Path, journal: Journal, *, share: float, source: str) -> "LossLimit":
        """Read the ids of the live snapshot with the changes since; there are none if it cannot be read."""
        if not 0 <= share <= 1:
            raise ConfigError(f"max-loss is {share}: give a share of the items from 0 to 1")
        try:
            manifest = snapshot.live_manifest(gallery)
            path = gallery / snapshot.SNAPSHOTS / manifest.name / snapshot.ITEMS
            live = set(items.ids(path))
        except GalleryError:
            return cls((), share, source)  # to build it again is the way out
        for entry in journal.since(manifest.through):
            if isinstance(entry.change, Upsert):
                live.add(entry.change.id)
            else:
                live.discard(entry.change.id)
        return cls(live, share, source)

    def check(self, rows: Iterable[SourceRow], skipped: Sequence[SkippedRow] = ()) -> None:
        """Raises LossRefused if too many of the live items are not among the rows."""
        ids = {row.id for row in rows}
        lost = [id for id in self.live if id not in ids]
        if len(lost) <= self.share * len(self.live):
            return
        enough = math.ceil(100 * len(lost) / len(self.live)) / 100
        named = ", ".join(map(repr, sorted(lost)[:SHOWN])) + (", …" if len(lost) > SHOWN else "")
        unusable = ""
        if skipped:
            unusable = f"; {len(skipped)} rows cannot be used, the first, {skipped[0].id!r}: {skipped[0].reason}"
        raise LossRefused(
            f"{self.source} has {len(ids)} items, and {len(lost)} of the {len(self.live)} live items ({named}) would"
            f" be gone{unusable}: check the source, or accept the loss with --max-loss {enough:.2f} (max_loss in POST"
            " /index)"
        )
