"""How many worker processes the machine, or the container, has cores and memory for."""

import os
from pathlib import Path

from service.settings import Settings

MOST_WORKERS = 8  # by default: more are set by hand
WORKER_BYTES = 200 * 2**20  # of one without its model
MODEL_SHARE = 3  # a model takes up to so many times the size of its files
FREE_SHARE = 2  # at most the half of what is free: searches, decoders and builds take memory, too
CGROUP = Path("/sys/fs/cgroup")


def workers(settings: Settings) -> int:
    """Return how many workers to start if none is set: one for each core, as far as the memory allows.

    One on a GPU, since each would hold the model there.
    """
    if settings.provider != "cpu":
        return 1
    model = sum(path.stat().st_size for path in settings.bundle.iterdir()) if settings.bundle.is_dir() else 0
    memory = _free_bytes() // FREE_SHARE // (WORKER_BYTES + MODEL_SHARE * model)
    return max(1, min(cores(), MOST_WORKERS, memory))


def cores() -> int:
    """Return how many cores this process may use, of a container or of the machine."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    return allowed


def _free_bytes() -> int:
    """Return how much memory is free, of a container or of the machine; a large number if the system does not say."""
    free = 2**62
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit, used = _text(CGROUP / "memory.max").strip(), _text(CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        free = min(free, max(0, int(limit) - int(used)))
    return free


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
