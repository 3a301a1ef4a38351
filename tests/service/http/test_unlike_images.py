"""GET /index says how many images are unlike those that the shipped model knows, as items change and after jobs."""

import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from index.__main__ import main
from models.bundle import SHIPPED
from service.settings import Settings
from tests.service.http.test_index_jobs import finished

Inside = Callable[..., object]

SAMPLE = Path(__file__).parents[3] / "docs" / "sample"
NAMES = ("red-mug", "red-skirt", "red-t-shirt", "starred-sweater", "yellow-sweater")  # of the drawn world
DRAWN = [SAMPLE / f"{name}.jpg" for name in NAMES]


def noise(seed: int) -> bytes:
    """Return an image of large patches of any colour, which is no product at all; fine ones would look grey."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((96, 96)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A gallery of drawn products."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    for path in DRAWN:
        shutil.copy(path, folder)
    words = ["build", str(folder), "--gallery", str(tmp_path / "gallery"), "--bundle", str(SHIPPED)]
    assert main([*words, "--progress", "none"]) == 0
    return tmp_path / "gallery"


@pytest.mark.slow
def test_the_share_follows_changes_and_jobs(tmp_path: Path, drawn: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def unlike() -> dict[str, object]:
            found: dict[str, object] = (await client.get("/index")).json()["unlike"]
            text = (await client.get("/metrics")).text
            line = next(line for line in text.splitlines() if line.startswith("likebut_gallery_unlike_ratio "))
            assert float(line.split()[1]) == found["share"]
            return found

        assert await unlike() == {"share": 0.0, "many": False, "advice": None, "commands": []}
        puts = [
            {"id": f"noise-{number}", "image": {"base64": base64.b64encode(noise(number)).decode()}}
            for number in range(5)
        ]
        answer = await client.post("/items", json={"items": puts})
        assert answer.status_code == 200, answer.text
        found = await unlike()
        assert found["share"] == 5 / (5 + len(DRAWN)) and found["many"] is True
        assert "50% of the images" in str(found["advice"]) and '{"bundle": "vit-b-32"}' in str(found["advice"])
        job = await finished(client, await client.post("/index", json={"compact": True}))
        assert job["state"] == "done" and await unlike() == found
        for number in range(4):
            assert (await client.delete(f"/items/noise-{number}")).status_code == 204
        assert await unlike() == {"share": 1 / (1 + len(DRAWN)), "many": False, "advice": None, "commands": []}

        more = tmp_path / "more"
        more.mkdir()
        for number in range(5):
            (more / f"{number}.png").write_bytes(noise(number))
        job = await finished(client, await client.post("/index", json={"source": str(more), "max_loss": 1}))
        notes = job["notes"]
        assert job["state"] == "done" and isinstance(notes, list) and "100% of the images are unlike" in notes[-1]
        found = await unlike()
        assert found["share"] == 1.0 and f"likebut tailor {more} --bundle" in str(found["commands"])

    inside(Settings(gallery=drawn), scenario)
