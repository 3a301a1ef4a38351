"""The page in a real browser: search, history and documentation; no request to another host."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect

from service.http.state import WEB
from tests.service.web.conftest import ANSWERED, find, wishes

Draw = Callable[..., bytes]


def test_no_file_of_the_page_names_another_host() -> None:
    for path in filter(Path.is_file, WEB.rglob("*")):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), path
        assert "innerHTML" not in text and " style=" not in text and "onclick" not in text, path


def test_assets_are_sent_once(client: httpx.Client) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/web/page.js", "text/javascript"),
        ("/web/page.css", "text/css"),
    ):
        first = client.get(path)
        assert first.status_code == 200 and first.headers["content-type"].startswith(kind)
        assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_the_first_view_shows_products_and_ideas(page: Page) -> None:
    expect(page.locator(".card:not(.ghost)")).to_have_count(24)
    expect(page.locator("h1")).to_be_visible()
    for image in page.locator(".frame img").all()[:8]:
        assert image.get_attribute("alt")
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    first = page.locator(".frame").first.element_handle()
    height = page.evaluate("document.body.scrollHeight")
    page.locator("#more").click()
    expect(page.locator(".card:not(.ghost)")).to_have_count(30)
    expect(page.locator("#more")).to_be_hidden()
    expect(page.locator(".frame").nth(24)).to_be_focused()
    assert first and first.evaluate("card => card.isConnected"), "the cards that were there stay"
    assert page.evaluate("document.body.scrollHeight") > height and page.url.endswith("/?k=30")
    page.locator("#ideas button").first.click()
    expect(page.locator("#count")).to_have_text(ANSWERED)
    assert wishes(page)


def test_words_become_wishes_that_can_be_removed(page: Page) -> None:
    find(page, "a red ball")
    find(page, "but striped")
    assert wishes(page) == ["a red ball", "but striped"]
    assert page.url.endswith("/?but=a+red+ball&but=striped")
    expect(page.locator("#times")).to_contain_text("ms")
    page.get_by_role("button", name="Remove: a red ball").click()
    expect(page.locator(".chip.wish")).to_have_count(1)
    page.locator("#text").press("Backspace")
    expect(page.locator("#text")).to_have_value("striped")
    expect(page.locator("#count")).to_have_text("A look around 30 products")


def test_more_like_this_but(page: Page) -> None:
    page.locator(".card", has_text="Green Ring").locator(".like").click()
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator(".chip.reference")).to_contain_text("Green Ring")
    expect(page.locator("#count")).to_have_text(ANSWERED)
    assert "Green Ring" not in page.locator(".card h3").all_text_contents()
    page.keyboard.type("in blue")
    page.keyboard.press("Enter")
    expect(page.locator(".chip.wish")).to_have_text(re.compile("but in blue"))
    assert page.url.endswith("/?item=green-ring&but=in+blue")
    page.locator(".card .like").first.click()
    expect(page.locator(".chip.wish")).to_have_count(0)
    page.get_by_role("button", name=re.compile("Remove the image")).click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")


def test_back_forward_and_a_copied_address_show_the_same(page: Page, browser: Browser) -> None:
    find(page, "a red ball")
    first = page.locator(".card h3").all_text_contents()
    page.locator(".card .like").first.click()
    expect(page.locator(".chip.reference")).to_be_visible()
    find(page, "in green")
    address = page.url
    hits = page.locator(".card h3").all_text_contents()
    page.go_back()
    expect(page.locator(".chip.wish")).to_have_count(0)
    page.go_back()
    expect(page.locator(".chip.reference")).to_have_count(0)
    expect(page.locator(".card h3")).to_have_text(first)
    page.go_forward()
    page.go_forward()
    expect(page.locator(".chip.wish")).to_have_count(1)
    other = browser.new_page()
    other.goto(address)
    expect(other.locator("#count")).to_have_text(ANSWERED)
    expect(other.locator(".chip.reference")).not_to_contain_text("this product")
    expect(other.locator(".card h3")).to_have_text(hits)
    other.close()


def test_prices_may_be_text_and_a_column_may_have_no_name(browser: Browser, served: str) -> None:
    item = {"id": "x", "image_url": "/images/red-box", "attributes": {"title": "X", "price": "on request", "": "?"}}
    with browser.new_context(base_url=served) as context:
        page = context.new_page()
        hit = {
            "hits": [{**item, "score": 0.71}],
            "total": 1,
            "matches": 1,
            "facets": {},
            "ranges": {},
            "took_ms": {"total": 1},
            "notes": [],
        }
        page.route("**/search", lambda route: route.fulfill(json=hit))
        page.goto("/?but=x")
        expect(page.locator(".card .price")).to_have_text("on request")
        expect(page.locator(".score")).to_have_text("match 0.71")
        expect(page.locator(".score")).to_have_attribute("title", re.compile("cosine"))
        page.locator(".frame").click()
        expect(page.get_by_role("dialog").locator(".price")).to_have_text("on request")
        expect(page.get_by_role("dialog").locator("dt")).to_have_count(0)


def test_a_held_backspace_empties_only_the_field(page: Page) -> None:
    find(page, "a red ball")
    find(page, "but striped")
    page.locator("#text").fill("xy")
    for _ in range(6):  # held: every press after the first is a repeat
        page.keyboard.down("Backspace")
    page.keyboard.up("Backspace")
    expect(page.locator("#text")).to_have_value("")
    assert wishes(page) == ["a red ball", "but striped"]
    page.keyboard.press("Backspace")
    expect(page.locator("#text")).to_have_value("striped")


def test_every_curl_line_of_the_docs_runs(
    browser: Browser, serve: Callable[..., AbstractContextManager[str]], gallery: Path, tmp_path: Path
) -> None:
    shutil.copytree(gallery, tmp_path / "gallery")  # one of the commands rebuilds it
    with serve("--gallery", tmp_path / "gallery") as address:
        page = browser.new_page()
        page.goto(f"{address}/docs")
        expect(page.locator("#operations article")).to_have_count(21)
        expect(page.locator("#search pre").first).to_contain_text(f"curl {address}/search")
        lines = page.locator("#operations pre").all_text_contents()
        assert len(lines) == 22  # of all ways to send a body; none for DELETE or for a job before one exists
        checked = 'set -e; curl() { command curl -sS --fail-with-body "$@"; }; '
        for line in lines:
            done = subprocess.run(["bash", "-c", checked + line], cwd=tmp_path, capture_output=True, timeout=30)
            assert done.returncode == 0, (line, done)
        while httpx.get(f"{address}/index").json()["last_job"]["state"] != "done":
            time.sleep(0.05)
        page.reload()
        expect(page.locator("#getIndexJob pre")).to_contain_text(f"curl {address}/index/jobs/")
        page.close()
