"""The page of a shop that needs a key, in a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from service.auth import keys
from tests.service.web.conftest import ANSWERED

Serve = Callable[..., AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Locked:
    """A shop that needs a key."""

    address: str
    key: str


@pytest.fixture(scope="module")
def locked(gallery: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    path = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    key = keys.add(path, name="shop", role="search", rate_per_s=None, burst=None)
    with serve("--gallery", gallery, "--keys", path, "--max-k", "30") as address:
        yield Locked(address, key)


@pytest.fixture
def page(browser: Browser, locked: Locked) -> Iterator[Page]:
    with browser.new_context(base_url=locked.address, viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


def give(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Open the shop").click()


def test_the_page_asks_for_a_key_and_then_works(page: Page, locked: Locked) -> None:
    said: list[str] = []
    sent: list[Request] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: sent.append(request))
    page.goto("/?but=a+red+ball")
    expect(page.get_by_role("dialog")).to_have_accessible_name("This shop needs a key")
    give(page, "likebut_wrong")
    expect(page.get_by_role("dialog")).to_contain_text("does not know")
    give(page, f" {locked.key} ")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#count")).to_have_text(ANSWERED)
    page.locator("#home").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    images = page.locator(".frame img")
    for place in range(4):
        expect(images.nth(place)).to_have_js_property("naturalWidth", 160)
    page.locator("#more").scroll_into_view_if_needed()
    expect(images.last).to_have_js_property("naturalWidth", 160)
    page.locator(".frame").first.click()
    expect(page.get_by_role("dialog").locator("img")).to_have_js_property("naturalWidth", 160)
    page.get_by_role("dialog").locator(".primary").click()
    expect(page.locator(".chip.reference img")).to_have_js_property("naturalWidth", 96)
    page.reload()  # the tab still has it
    expect(page.locator("#count")).to_have_text(ANSWERED)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [line for line in said if "Failed to load resource" not in line] == []
    assert not any(locked.key in request.url for request in sent)
    assert page.context.cookies() == []


def test_a_closed_key_dialog_shows_an_error_and_can_be_retried(page: Page, locked: Locked) -> None:
    page.goto("/")
    page.get_by_role("dialog").press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("key")
    page.get_by_role("button", name="Try again").click()
    give(page, locked.key)
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_another_tab_does_not_have_the_key(page: Page, locked: Locked) -> None:
    page.goto("/")
    give(page, locked.key)
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_label("Key", exact=True)).to_be_focused()


def test_the_docs_name_the_role_that_a_route_needs(page: Page, locked: Locked) -> None:
    page.goto("/docs")
    expect(page.locator("#startIndexJob")).to_contain_text("role admin")
    expect(page.locator("#search")).to_contain_text("role search")
    page.goto("/")
    give(page, locked.key)
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    page.goto("/docs")
    line = page.locator("#getItem pre")
    expect(line).to_have_text(re.compile(r'curl -H "Authorization: Bearer \$KEY" http.*/items/'))


def test_the_key_dialog_fits_a_phone(browser: Browser, locked: Locked) -> None:
    with browser.new_context(base_url=locked.address, viewport={"width": 360, "height": 560}) as context:
        page = context.new_page()
        page.goto("/")
        box = page.get_by_role("dialog").bounding_box()
        assert box and box["x"] >= 8 and box["x"] + box["width"] <= 352 and box["height"] < 520
