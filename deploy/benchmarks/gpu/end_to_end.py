"""A service on the GPU end to end: a drawn shop is built and searched by many callers, beside the same on the CPU."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import shop
from gpu.runtime import bundles, devices, name
from gpu.setting import CheckPart, CheckSetting, Row
from models.runtime.device import CPU, Device

LOAD = Path(__file__).parents[1] / "load.py"
CALLERS = 16


def service(setting: CheckSetting) -> Iterator[Row]:
    """Yield searches a second and the times of one caller, by device."""
    products = setting.sized(2_000, 8)
    folder = setting.folder / f"shop-{products}"
    if not (folder / "items.parquet").is_file():
        command("training", "catalogue", str(folder), "--split", "test", "--force", f"--products={products}",
                f"--triplets={products}")  # fmt: skip
    for path in bundles(setting):
        for device in [CPU] if setting.dry else [devices(setting)[0], CPU]:
            yield measured(setting, path, device, folder)


def measured(setting: CheckSetting, bundle: Path, device: Device, folder: Path) -> Row:
    """Return the row of one device."""
    gallery = setting.folder / f"gallery-{bundle.name}-{device.provider}"
    began = setting.left_s
    where = ("--provider", device.provider, "--products", device.products)
    command("index", "build", str(folder / "items.parquet"), "--gallery", str(gallery), "--bundle", str(bundle), *where)
    built = began - setting.left_s
    place = argparse.Namespace(bundle=bundle, gallery=gallery)
    seconds = str(setting.sized(8, 1))
    with shop.bodies(folder) as bodies, shop.served(place, *where, "--reference-cache-mb", "0") as (_, address):
        many, one = (load(address, bodies, callers, seconds) for callers in (CALLERS, 1))
    return {
        "bundle": bundle.name,
        "device": name(device),
        "build s": f"{built:.1f}",
        f"searches/s, {CALLERS} callers": f"{len(many) / float(seconds):.1f}",
        "one caller, median ms": f"{1000 * median(one or [float('nan')]):.1f}",
    }


def load(address: str, bodies: Path, callers: int, seconds: str) -> list[float]:
    """Return the seconds of each search that was answered with 200."""
    words = [str(LOAD), address, str(bodies), "--callers", str(callers), "--seconds", seconds]
    found = json.loads(subprocess.run([sys.executable, *words], check=True, capture_output=True).stdout)
    return [seconds for status, seconds, _ in found if status == 200]


def command(module: str, *words: str) -> None:
    """Run a command of this checkout; its last line becomes the error if it fails."""
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it failed"])[-1])


PARTS = (CheckPart("service", service, least_s=40.0),)
