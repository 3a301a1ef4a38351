"""A model is replaced over replicas, one after the other: both models answer meanwhile, and none with the other's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from index.storage import snapshot
from models.bundle import SHIPPED
from tests.imports import ROOT
from tests.service.rollout.fleet import Fleet, Serve, index, model


@contextmanager
def replica(place: Path, folder: Path, bundle: Path) -> Iterator[Path]:
    """A replica that is pulled again and again."""
    words = ["pull", str(place), "--gallery", str(folder), "--bundle", str(bundle)]
    index(*words)
    command = [sys.executable, "-m", "index", *words, "--watch", ".3"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield folder
        finally:
            process.terminate()


@pytest.mark.slow
def test_no_search_fails_or_is_mixed_while_replicas_get_a_new_model(
    shop: Path, split_bundle: Path, tmp_path: Path, serve: Serve
) -> None:
    writer, place = tmp_path / "writer", tmp_path / "place"
    index("build", shop, "--gallery", writer, "--bundle", SHIPPED)
    index("push", writer, place)
    old = model(SHIPPED), snapshot.current(writer)
    with ExitStack() as stack, Fleet(serve) as fleet:
        one, two = (stack.enter_context(replica(place, tmp_path / name, SHIPPED)) for name in ("one", "two"))
        first, second = fleet.start("--gallery", one), fleet.start("--gallery", two)
        with fleet.searched():
            fleet.more(old)
            index("build", "--gallery", writer, "--bundle", split_bundle)
            index("push", writer, place)
            new = model(split_bundle), snapshot.current(writer)
            three = stack.enter_context(replica(place, tmp_path / "three", split_bundle))
            third = fleet.start("--gallery", three, "--bundle", split_bundle)
            fleet.more(new)
            fleet.stop(first)
            first = fleet.start("--gallery", one)  # one of the old model ends in the middle, and starts again
            assert fleet.pair(first) == fleet.pair(second) == old
            fleet.stop(first)
            index("tune", writer, "--recall", "1")  # a further snapshot of the new model
            index("push", writer, place)
            newer = model(split_bundle), snapshot.current(writer)
            fleet.more(newer)
            fleet.more(old)
            fleet.stop(second)
            fleet.more(newer)
            assert fleet.pair(third) == newer
    fleet.check({old, new, newer})
