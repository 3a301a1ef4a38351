"""What the tests of whole runs share: a run of their file's CONFIG, from its beginning to its end."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def config_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file's CONFIG, in a folder for its runs."""
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(request.module.CONFIG)
    return path


@pytest.fixture(scope="module")
def run(config_file: Path) -> Path:
    """The folder of the whole run."""
    from training.methods import runs  # here, since tests that need no torch share this file

    out = config_file.parent / "whole"
    runs.train(config_file, out)
    return out
