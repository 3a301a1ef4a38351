"""The OpenAPI document against the service: schemathesis sends valid and invalid requests."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from service.auth import keys
from service.http.openapi import Documents, Examples
from service.settings import Settings

Inside = Callable[..., object]
Serve = Callable[..., AbstractContextManager[str]]
SECONDS = 30
# In a form every value arrives as text, so a value of a wrong type is a valid text: only valid forms are sent. In the
# phase "target" hypothesis raises IndexError in its own hill climbing now and then: schemathesis takes it for a fault.
HOOKS = """
import schemathesis
from hypothesis import Phase, settings

settings.register_profile("without target", phases=[phase for phase in Phase if phase is not Phase.target])
settings.load_profile("without target")

@schemathesis.hook
def filter_case(context, case):
    return case.media_type != "multipart/form-data" or not case.meta.generation.mode.is_negative
"""
# A broken image, or a filter on an unknown attribute, fits the schema but is refused; never with 400 or 500.
# The record of a deleted job stays. Several searches or changes are answered with 200, and each has its own result,
# so that the item of a change that failed may not exist.
SETTINGS = """
hooks = "hooks.py"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 413, 415, 422, 429, 503]

[[operations]]
include-path = "/index/jobs/{id}"
[operations.checks.use_after_free]
enabled = false

[[operations]]
include-path = "/items/{id}"
[operations.checks.ensure_resource_availability]
enabled = false

[[operations]]
include-path = ["/searches", "/items"]
[operations.checks.negative_data_rejection]
enabled = false
"""


def test_the_service_answers_as_its_document_says(gallery: Path, serve: Serve, tmp_path: Path) -> None:
    own = tmp_path / "gallery"  # the requests change it
    shutil.copytree(gallery, own)
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    (tmp_path / "hooks.py").write_text(HOOKS)
    ring = tmp_path / "keys.jsonl"
    key = keys.add(ring, name="asker", role="admin", rate_per_s=None, burst=None)
    with serve("--gallery", own, "--max-image-bytes", "400000", "--keys", ring) as address:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml")]
        command += ["run", f"{address}/openapi.json", "--max-time", str(SECONDS), "--seed", "1", "--no-color"]
        command += ["-H", f"Authorization: Bearer {key}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 6)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_the_document_is_made_once_for_each_role(gallery: Path, inside: Inside, tmp_path: Path) -> None:
    own = tmp_path / "gallery"
    shutil.copytree(gallery, own)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        documents = Documents()
        first = await documents.get(app.routes, Examples(), role="search", root_path="")
        assert await documents.get(app.routes, Examples(), role="search", root_path="") is first
        below = await documents.get(app.routes, Examples(), role="search", root_path="/shop")
        assert below == {**first, "servers": [{"url": "/shop"}]} and "servers" not in first
        job = await documents.get(app.routes, Examples(job_id="1"), role="admin", root_path="")
        assert job != first and await documents.get(app.routes, Examples(), role="search", root_path="") is first
        for _ in range(2):  # no example is out of date
            (item,) = (await client.get("/browse?limit=1")).json()["items"]
            api = (await client.get("/openapi.json")).json()
            assert api["components"]["schemas"]["ItemBody"]["examples"] == [{"attributes": item["attributes"]}]
            assert (await client.delete(f"/items/{quote(item['id'], safe='')}")).status_code == 204

    inside(Settings(gallery=own), scenario)
