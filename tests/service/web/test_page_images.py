"""Reference images of the page: chosen, pasted or dropped, checked and refused."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.service.web.conftest import ANSWERED, GIVE, find

Draw = Callable[..., bytes]


def encoded(image: Image.Image) -> bytes:
    """Return the image as the bytes of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_image_is_chosen_survives_a_reload_and_is_removed(page: Page, image_file: Draw, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(image_file("tent", "yellow"))
    with page.expect_file_chooser() as chooser:
        page.locator("#pick").click()
    chooser.value.set_files(tmp_path / "x.png")
    expect(page.locator(".card h3").first).to_have_text("Yellow Tent")
    assert "upload=" in page.url
    page.reload()
    expect(page.locator(".chip.reference")).to_contain_text("your image")
    expect(page.locator(".card h3").first).to_have_text("Yellow Tent")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Drop it here again")
    page.get_by_role("button", name="Remove the image: your image").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_an_image_is_pasted_or_dropped(page: Page, image_file: Draw, kind: str) -> None:
    page.evaluate(GIVE, [list(image_file("cross", "blue")), kind])
    expect(page.locator(".chip.reference")).to_contain_text("your image")
    expect(page.locator(".card h3").first).to_have_text("Blue Cross")
    expect(page.locator("#drop")).to_be_hidden()
    find(page, "in red")
    assert "but=in+red" in page.url and "upload=" in page.url


def test_errors_are_shown(page: Page) -> None:
    page.evaluate(GIVE, [list(b"no picture at all"), "drop"])
    expect(page.get_by_role("alert")).to_contain_text("image")
    page.goto("/?item=nobody&but=in+red")
    expect(page.get_by_role("alert")).to_contain_text("not in the shop any more")
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.route("**/search", lambda route: route.abort())
    page.locator("#text").fill("ball")
    page.locator("#text").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#count")).to_have_text(ANSWERED)


def test_a_file_is_checked_before_it_is_sent(page: Page, image_file: Draw) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/search") else None)
    for type in ("text/plain", ""):
        page.evaluate(GIVE, [list(b"words"), "drop", type])
        expect(page.get_by_role("alert")).to_contain_text("not an image")
        page.evaluate("document.getElementById('problem').replaceChildren()")
    noise = list(os.urandom(400_001))
    page.evaluate(GIVE, [noise, "drop", "image/jpeg"])  # too large for the service, and the browser cannot scale it
    expect(page.get_by_role("alert")).to_contain_text("too large")
    assert sent == []
    noisy = encoded(Image.frombytes("RGB", (500, 500), os.urandom(750_000)))
    assert len(noisy) > 400_000
    page.evaluate(GIVE, [list(noisy), "drop"])
    expect(page.locator("#count")).to_have_text(ANSWERED)  # the original would have been refused
    page.evaluate("sessionStorage.clear()")
    page.evaluate(GIVE, [list(image_file("tent", "blue")), "drop", "image/avif"])  # not read by the service
    expect(page.locator(".card h3").first).to_have_text("Blue Tent")
    (kept,) = page.evaluate("Object.values(sessionStorage).map((image) => image.slice(0, 16))")
    assert kept == "data:image/jpeg;"


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_nothing_is_pasted_or_dropped_behind_the_dialog(page: Page, image_file: Draw, kind: str) -> None:
    page.locator(".frame").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(GIVE, [list(image_file()), kind])
    page.wait_for_timeout(100)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator("#drop")).to_be_hidden()
