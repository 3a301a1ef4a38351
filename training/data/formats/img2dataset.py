"""Statistics that img2dataset writes beside each shard: 00000_stats.json for 00000.tar."""

import json
from collections.abc import Sequence
from pathlib import Path

from training.data.rows import Downloads


def read(shards: Sequence[Path]) -> Downloads:
    """The sums of the shards' stats."""
    statistics = [_stats(shard) for shard in shards]
    known = [stats for stats in statistics if stats is not None]
    asked_for, downloaded, failed, unfit = (sum(column) for column in zip((0, 0, 0, 0), *known, strict=True))
    return Downloads(asked_for, downloaded, failed, unfit, shards_that_do_not_tell=len(statistics) - len(known))


def _stats(shard: Path) -> tuple[int, int, int, int] | None:
    """Return the images requested, downloaded, failed to download and failed to resize, or None if they are unknown."""
    try:
        stats = json.loads(shard.with_name(f"{shard.stem}_stats.json").read_text(encoding="utf-8"))
        names = ("count", "successes", "failed_to_download", "failed_to_resize")
        requested, downloaded, failed, unfit = (int(stats[name]) for name in names)
        return requested, downloaded, failed, unfit
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
