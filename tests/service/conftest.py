"""A small real shop: drawn images, a gallery built by the command, and the service as its own process."""

import asyncio
import csv
import io
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from index.__main__ import main
from index.storage import high_water
from models.bundle import SHIPPED
from service.http.app import create_app
from service.settings import Settings

Result = TypeVar("Result")
Scenario = Callable[[httpx.AsyncClient, FastAPI], Awaitable[Result]]

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
COLOURS = {"red": "#c22", "blue": "#24c", "green": "#2a4", "yellow": "#ec2", "black": "#222"}
SHAPES = ("ball", "box", "tent", "ring", "bar", "cross")


def drawn(shape: str, colour: str, *, side: int = 160) -> Image.Image:
    """One product of the shop."""
    image = Image.new("RGB", (side, side), "#eee8dd")
    pen = ImageDraw.Draw(image)
    low, high = side // 5, side * 4 // 5
    fill = COLOURS[colour]
    if shape == "ball":
        pen.ellipse((low, low, high, high), fill=fill)
    elif shape == "box":
        pen.rectangle((low, low, high, high), fill=fill)
    elif shape == "tent":
        pen.polygon([(side // 2, low), (high, high), (low, high)], fill=fill)
    elif shape == "ring":
        pen.ellipse((low, low, high, high), outline=fill, width=side // 10)
    elif shape == "bar":
        pen.rectangle((low, side * 2 // 5, high, side * 3 // 5), fill=fill)
    else:
        pen.line((low, low, high, high), fill=fill, width=side // 8)
        pen.line((low, high, high, low), fill=fill, width=side // 8)
    return image


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """Return the bytes of the image as a file."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


@pytest.fixture(scope="session")
def image_file() -> Callable[..., bytes]:
    """Return a function that draws a product and returns the bytes of its file."""

    def draw(shape: str = "ball", colour: str = "red", *, side: int = 160, form: str = "PNG") -> bytes:
        return encoded(drawn(shape, colour, side=side), form)

    return draw


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of thirty products; one id needs quoting in a URL, one image is broken."""
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for number, (shape, colour) in enumerate((shape, colour) for shape in SHAPES for colour in COLOURS):
        name = f"{colour}-{shape}.png"
        drawn(shape, colour).save(folder / name)
        id = f"{colour}-{shape}" if number else "odd/ü ?#&%2F.."
        brand = "Acme" if id == "red-box" else ""
        rows.append([id, name, f"{colour} {shape}".title(), shape, colour, str(number + 0.5), number % 3 != 0, brand])
    (folder / "broken.png").write_bytes(b"no picture")
    rows.append(["broken", "broken.png", "Broken", "ball", "red", "1.5", True, ""])
    with (folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "title", "category", "colour", "price", "in_stock", "brand"])
        writer.writerows(rows)
    return folder / "items.csv"


@pytest.fixture(scope="session")
def gallery(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A gallery of that shop, built by the command. A test that changes items does so in a copy."""
    folder = tmp_path_factory.mktemp("gallery")
    words = ["build", str(shop), "--gallery", str(folder), "--bundle", str(SHIPPED)]
    assert main([*words, "--shards", "2", "--progress", "none"]) == 0
    yield folder
    mark = high_water.read(folder)
    assert mark is None or mark.seq == 0, "a test changed items of the gallery that all share"


@pytest.fixture(scope="session")
def served(
    gallery: Path, tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., AbstractContextManager[str]]
) -> Iterator[str]:
    """The address of the service as its own process, with a copy of the gallery; at the end it must stop cleanly."""
    copy = shutil.copytree(gallery, tmp_path_factory.mktemp("served") / "gallery")
    with serve("--gallery", copy, "--max-image-bytes", "400000") as address:
        yield address


@pytest.fixture(scope="session")
def client(served: str) -> Iterator[httpx.Client]:
    """A client of that process."""
    with httpx.Client(base_url=served, timeout=30) as opened:
        yield opened


@pytest.fixture(scope="module")  # no wider scope, because it keeps its own event loop running
def browser() -> Iterator[Browser]:
    """A headless Chromium; if CI is set, the launch fails without one."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def inside() -> Callable[[Settings, Scenario[Result]], Result]:
    """Runs a scenario against an app in this process, from its start to its end."""

    def run(settings: Settings, scenario: Scenario[Result]) -> Result:
        async def whole() -> Result:
            app = create_app(settings)
            transport = httpx.ASGITransport(app=app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as opened,
            ):
                return await scenario(opened, app)

        return asyncio.run(whole())

    return run
