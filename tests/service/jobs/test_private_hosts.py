"""A job fetches the images of its table from public hosts only, unless the operator of the service allows others."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.settings import Settings
from tests.service.http.test_index_jobs import Inside, finished
from tests.service.sites import image_response, serve_site


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [False, True])
def test_a_job_reads_private_hosts_only_if_they_are_allowed(
    tmp_path: Path, shop: Path, inside: Inside, allowed: bool
) -> None:
    image = next(path for path in shop.parent.rglob("*") if path.suffix in (".png", ".jpg")).read_bytes()

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async with serve_site() as site:
            site.answers["/a.png"] = image_response(image)
            table = tmp_path / "t.csv"
            table.write_text(f"id,image\na,http://127.0.0.1:{site.port}/a.png\nb,http://localhost:{site.port}/a.png\n")
            job = await finished(client, await client.post("/index", json={"source": str(table)}))
            assert job["state"] == ("done" if allowed else "failed")
            assert allowed == bool(site.heads)
            assert allowed or "LIKEBUT_ALLOW_PRIVATE_HOSTS" in str(job["error"])

    inside(Settings(gallery=tmp_path / "gallery", allow_private_hosts=allowed), scenario)
