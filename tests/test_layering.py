"""The layers: imports go one way, and serving starts on a machine without torch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Draws, indexes and searches with torch made unimportable, as on a machine without it.
WITHOUT_TORCH = """
import sys

class Unimportable:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "open_clip", "torchvision", "onnx"}:
            raise ImportError(name + " is not for serving")

sys.meta_path.insert(0, Unimportable())
import asyncio
from pathlib import Path

import httpx

import index.__main__, index.build.build, models.__main__, service.__main__, training.catalogue.write
from index.build.build import build
from models.encoder import Encoder
from service.http.app import create_app
from service.settings import Settings

folder = Path(sys.argv[1])
training.catalogue.write.write(
    folder / "shop", split="test", products=8, triplets=2, size=64, seed=1, workers=1, progress=False
)
settings = Settings(gallery=folder / "gallery")
build(folder / "shop" / "items.parquet", settings.gallery, Encoder.open(settings.bundle), progress=lambda _: None)


async def search():
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.post("/search", json={"text": "red boots", "k": 3})

if __name__ == "__main__":
    print(len(asyncio.run(search()).json()["hits"]))
"""


def test_the_layers_hold() -> None:
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_drawing_indexing_and_searching_work_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr


def test_help_is_instant_because_nothing_heavy_is_imported() -> None:
    heavy = "import sys, service.cli as cli; sys.argv = ['likebut', '--help']; cli.main()\n"
    heavy += "print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'fastapi', 'faiss', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_no_package_hides_behind_the_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
