"""The OpenAPI document against the service: schemathesis asks all that it allows, and much that it does not."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from service.auth import keys

Serve = Callable[..., AbstractContextManager[str]]
SECONDS = 30
# A picture that is none and a filter on what no item has fit the schema, and yet are refused; never with a 400 or 500.
# A job that is deleted has ended, and its record stays. Of several searches each has a status of its own, under a 200.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 413, 415, 422, 429, 503]

[[operations]]
include-path = "/index/jobs/{id}"
[operations.checks.use_after_free]
enabled = false

[[operations]]
include-path = "/searches"
[operations.checks.negative_data_rejection]
enabled = false
"""


def test_the_service_answers_as_its_document_says(gallery: Path, serve: Serve, tmp_path: Path) -> None:
    own = tmp_path / "gallery"  # what is asked changes it
    shutil.copytree(gallery, own)
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    ring = tmp_path / "keys.jsonl"
    key = keys.add(ring, name="asker", role="admin", rate_per_s=None, burst=None)
    with serve("--gallery", own, "--max-image-bytes", "400000", "--keys", ring) as address:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml")]
        command += ["run", f"{address}/openapi.json", "--max-time", str(SECONDS), "--seed", "1", "--no-color"]
        command += ["-H", f"Authorization: Bearer {key}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 6)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
