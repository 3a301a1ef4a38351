"""What img2dataset tells beside each shard of the pictures that it was asked for: 00000_stats.json for 00000.tar."""

import json
from collections.abc import Sequence
from pathlib import Path

from training.data.rows import Downloads


def read(shards: Sequence[Path]) -> Downloads:
    """The sums of the shards' stats."""
    told = [_stats(shard) for shard in shards]
    known = [stats for stats in told if stats is not None]
    asked_for, downloaded, failed, unfit = (sum(column) for column in zip((0, 0, 0, 0), *known, strict=True))
    return Downloads(asked_for, downloaded, failed, unfit, shards_that_do_not_tell=len(told) - len(known))


def _stats(shard: Path) -> tuple[int, int, int, int] | None:
    """Pictures asked for, downloaded, failed to download and failed to resize, or None where that is not told."""
    try:
        stats = json.loads(shard.with_name(f"{shard.stem}_stats.json").read_text(encoding="utf-8"))
        return (
            int(stats["count"]),
            int(stats["successes"]),
            int(stats["failed_to_download"]),
            int(stats["failed_to_resize"]),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
