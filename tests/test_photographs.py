"""2 500 real photographs, with the odd and the broken among them, indexed and searched over HTTP.

An extra: the photographs (the Clothing dataset by Alexey Grigorev, CC0) lie beside the project, never in it.
"""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "photos"
BUNDLE = ROOT / "models" / "bundles" / "two-stage"


class Report(BaseModel):
    """The last line that a build prints."""

    items: int
    skipped: list[dict[str, str]]
    notes: list[str]


pytestmark = pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs are not beside the project")


def odd(folder: Path, photograph: Path) -> dict[str, Path]:
    """One photograph in forms that phones and shops send, and three files that are none."""
    image = Image.open(photograph).convert("RGB")
    times = (12e6 / (image.width * image.height)) ** 0.5
    large = (round(image.width * times), round(image.height * times))
    forms: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "grey": (image.convert("L"), "JPEG", {}),
        "cmyk": (image.convert("CMYK"), "JPEG", {}),
        "webp": (image, "WEBP", {"quality": 90}),
        "twelve-megapixel": (image.resize(large, Image.Resampling.BICUBIC), "JPEG", {"quality": 85}),
    }
    sideways = Image.Exif()
    sideways[0x0112] = 6  # shown turned by 90° clockwise: the file holds it turned the other way
    forms["rotated"] = (image.transpose(Image.Transpose.ROTATE_90), "JPEG", {"exif": sideways, "quality": 95})
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda value: 255 if value > 40 else 0))
    forms["transparent"] = (clear, "PNG", {})
    paths = {}
    for name, (form, suffix, options) in forms.items():
        paths[name] = folder / f"{name}.{suffix.lower()}"
        form.save(paths[name], suffix, **options)
    whole = photograph.read_bytes()
    for name, data in {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"I am no picture.\n"}.items():
        paths[name] = folder / f"{name}.jpg"
        paths[name].write_bytes(data)
    return paths


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in (PHOTOGRAPHS / "items.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def built(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("photographs")
    extra = odd(folder, PHOTOGRAPHS / rows[0]["image"])
    table = folder / "items.jsonl"
    lines = [{**row, "image": str(PHOTOGRAPHS / row["image"])} for row in rows]
    lines += [{"id": name, "image": str(path), "category": "odd"} for name, path in extra.items()]
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "index",
        "build",
        table,
        "--gallery",
        folder / "gallery",
        "--bundle",
        BUNDLE,
    ]
    done = subprocess.run([*command, "--progress", "json"], cwd=ROOT, capture_output=True, text=True, check=True)
    return folder / "gallery", Report.model_validate_json(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def service(built: tuple[Path, Report], serve: Callable[..., AbstractContextManager[str]]) -> Iterator[httpx.Client]:
    with (
        serve("--bundle", BUNDLE, "--gallery", built[0]) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client


def test_every_photograph_is_indexed_and_the_broken_are_named(
    built: tuple[Path, Report], rows: list[dict[str, str]]
) -> None:
    report = built[1]
    assert len(rows) == 2_500
    assert report.items == 2_500 + 6
    skipped = {row["id"]: row["reason"] for row in report.skipped}
    assert set(skipped) == {"truncated", "empty", "text"}
    assert all("image" in reason for reason in skipped.values()), skipped


def test_the_model_of_the_drawn_world_says_that_it_does_not_know_them(
    built: tuple[Path, Report], service: httpx.Client
) -> None:
    unlike = service.get("/index").json()["unlike"]
    assert unlike["many"] is True and unlike["share"] > 0.5 and "likebut export --model" in unlike["advice"]
    assert f"{unlike['share']:.0%} of the images are unlike" in built[1].notes[-1]


@pytest.mark.parametrize("name", ["cmyk", "webp", "twelve-megapixel", "rotated"])
def test_an_odd_form_of_a_photograph_finds_the_photograph(
    service: httpx.Client, rows: list[dict[str, str]], name: str
) -> None:
    answer = service.post("/search", json={"image": {"item_id": name}, "k": 7, "exclude_reference": False})
    found = [hit["id"] for hit in answer.json()["hits"]]
    assert rows[0]["id"] in found  # beside it at most the six forms of the same photograph


def test_uploads_of_all_forms_are_answered_and_broken_ones_refused(
    service: httpx.Client, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    for name, path in odd(tmp_path, PHOTOGRAPHS / rows[7]["image"]).items():
        answer = service.post(
            "/search", files={"image": (path.name, path.read_bytes())}, data={"text": "in red", "k": "5"}
        )
        if name in ("truncated", "empty", "text"):
            assert 400 <= answer.status_code < 500, (name, answer.status_code)
            assert answer.headers["content-type"] == "application/problem+json"
        else:
            assert answer.status_code == 200, (name, answer.text)
            assert len(answer.json()["hits"]) == 5


def test_fifty_photographs_each_find_themselves(service: httpx.Client, rows: list[dict[str, str]]) -> None:
    for row in rows[100:150]:
        data = io.BytesIO((PHOTOGRAPHS / row["image"]).read_bytes())
        answer = service.post("/search", files={"image": data}, data={"query": '{"exclude_reference": false}'})
        assert answer.json()["hits"][0]["id"] == row["id"]
