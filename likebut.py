"""The `likebut` command: finds its packages beside this file, whatever other modules are named like them."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = frozenset({"index", "models", "service", "training"})
ROOT = Path(__file__).resolve().parent


class OwnPackages:
    """Finds the four packages before `sys.path` does: PYTHONPATH often holds another module named `service`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of one of the packages; None for everything else."""
        return PathFinder.find_spec(name, [str(ROOT)]) if name in PACKAGES else None


sys.meta_path.insert(0, OwnPackages)  # at the import, so that processes that multiprocessing starts do it, too


def main() -> int:
    """Runs the command line."""
    from service import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
