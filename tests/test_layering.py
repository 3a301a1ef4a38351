"""The house's layers: imports go one way, and serving starts where torch does not exist."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What serving imports, with torch made unimportable: a stand-in for a machine without it.
WITHOUT_TORCH = """
import sys

class Unimportable:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "open_clip", "torchvision", "onnx"}:
            raise ImportError(name + " is not for serving")

sys.meta_path.insert(0, Unimportable())
import index.__main__, index.build, index.gallery, models.__main__, models.encoder, service.__main__, service.api
import training.catalogue.write
print("started")
"""


def test_the_layers_hold() -> None:
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_serving_and_drawing_start_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "started", done.stderr


def test_help_is_instant_because_nothing_heavy_is_imported() -> None:
    heavy = "import sys, service.door as door; sys.argv = ['likebut', '--help']; door.main()\n"
    heavy += "print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'fastapi', 'faiss', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_no_package_hides_behind_the_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
