"""The page in a real browser: every way to ask, to take back, to go back; and nothing from anywhere else."""

import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from service.http.state import WEB

Draw = Callable[..., bytes]

# Makes a file of bytes and hands it to the page as a browser would, on paste or drop.
GIVE = """([bytes, kind, type = "image/png"]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], "x", { type }));
  const manner = { bubbles: true, cancelable: true, clipboardData: carried, dataTransfer: carried };
  if (kind === "paste") document.dispatchEvent(new ClipboardEvent("paste", manner));
  else for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, manner));
}"""


def encoded(image: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_no_file_of_the_page_names_another_host() -> None:
    for path in WEB.iterdir():
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


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """The page, opened; at the end the console must be silent and no request may have left the origin."""
    with browser.new_context(base_url=served, viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(10_000)
        opened = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto("/")
        expect(opened.locator("#count")).to_have_text("A look around 30 products")
        yield opened
        assert [line for line in said if "Failed to load resource" not in line] == []
        assert [url for url in asked if not url.startswith((f"{served}/", "blob:", "data:"))] == []


def wishes(page: Page) -> list[str]:
    return page.locator(".chip.wish .word").all_text_contents()


def find(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")
    expect(page).to_have_title(re.compile(re.escape(text.removeprefix("but "))))  # set when the answer is drawn


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
    assert page.evaluate("document.body.scrollHeight") > height and page.url.endswith("/?k=48")
    page.locator("#ideas button").first.click()
    expect(page.locator("#count")).to_contain_text("best first")
    assert wishes(page)


def test_words_become_wishes_that_can_be_taken_back(page: Page) -> None:
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
    expect(page.locator("#count")).to_contain_text("best first")
    assert "Green Ring" not in page.locator(".card h3").all_text_contents()
    page.keyboard.type("in blue")
    page.keyboard.press("Enter")
    expect(page.locator(".chip.wish")).to_have_text(re.compile("but in blue"))
    assert page.url.endswith("/?item=green-ring&but=in+blue")
    page.locator(".card .like").first.click()
    expect(page.locator(".chip.wish")).to_have_count(0)
    page.get_by_role("button", name=re.compile("Remove the image")).click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")


def test_back_and_forward_and_a_copied_address_show_the_same(page: Page, browser: Browser) -> None:
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
    expect(other.locator("#count")).to_contain_text("best first")
    expect(other.locator(".chip.reference")).not_to_contain_text("this product")
    expect(other.locator(".card h3")).to_have_text(hits)
    other.close()


def test_a_picture_is_chosen_kept_over_a_reload_and_taken_back(page: Page, picture: Draw, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("tent", "yellow"))
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
def test_a_picture_is_pasted_or_dropped(page: Page, picture: Draw, kind: str) -> None:
    page.evaluate(GIVE, [list(picture("cross", "blue")), kind])
    expect(page.locator(".chip.reference")).to_contain_text("your image")
    expect(page.locator(".card h3").first).to_have_text("Blue Cross")
    expect(page.locator("#drop")).to_be_hidden()
    find(page, "in red")
    assert "but=in+red" in page.url and "upload=" in page.url


def test_what_goes_wrong_is_said(page: Page) -> None:
    page.evaluate(GIVE, [list(b"no picture at all"), "drop"])
    expect(page.get_by_role("alert")).to_contain_text("image")
    page.goto("/?item=nobody&but=in+red")
    expect(page.get_by_role("alert")).to_contain_text("nobody")
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.route("**/search", lambda route: route.abort())
    page.locator("#text").fill("ball")
    page.locator("#text").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#count")).to_contain_text("best first")


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("a blue box")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("best first")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".frame").nth(0)).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    expect(page.locator(".frame").nth(1)).to_be_focused()
    name = page.locator(".card h3").nth(1).text_content()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(name or "?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".frame").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the dialog's first button: more like this
    expect(page.locator(".chip.reference")).to_contain_text(name or "?")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#text")).not_to_be_focused()


@pytest.mark.parametrize(
    "address", ["/", "/?item=red-box&but=in+blue&but=with+a+wish+that+goes+on+and+on+and+on", "/docs"]
)
def test_a_phone_never_scrolls_sideways(browser: Browser, served: str, address: str) -> None:
    with browser.new_context(base_url=served, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_details_fit_a_phone(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, viewport={"width": 360, "height": 560}) as context:
        page = context.new_page()
        page.goto("/")
        page.locator(".frame").first.click()
        dialog = page.get_by_role("dialog").bounding_box()
        close = page.get_by_role("button", name="Close").bounding_box()
        more = page.get_by_role("dialog").locator(".primary").bounding_box()
        assert dialog and close and more
        assert close["y"] >= dialog["y"] + 8 and close["x"] + close["width"] <= dialog["x"] + dialog["width"] - 8
        assert more["y"] + more["height"] <= dialog["y"] + dialog["height"] - 16


def test_the_names_of_the_docs_stay_whole_on_a_phone(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto("/docs")
        name = page.locator("#SearchBody td code", has_text="exclude_reference")
        expect(name).to_be_visible()
        assert name.evaluate("name => name.getClientRects().length") == 1


def test_a_shop_may_write_prices_as_text_and_leave_a_column_without_a_name(browser: Browser, served: str) -> None:
    item = {"id": "x", "image_url": "/images/red-box", "attributes": {"title": "X", "price": "on request", "": "?"}}
    with browser.new_context(base_url=served) as context:
        page = context.new_page()
        hit = {"hits": [{**item, "score": 0.71}], "took_ms": {"total": 1}, "notes": []}
        page.route("**/search", lambda route: route.fulfill(json=hit))
        page.goto("/?but=x")
        expect(page.locator(".card .price")).to_have_text("on request")
        expect(page.locator(".score")).to_have_text("match 0.71")
        expect(page.locator(".score")).to_have_attribute("title", re.compile("cosine"))
        page.locator(".frame").click()
        expect(page.get_by_role("dialog").locator(".price")).to_have_text("on request")
        expect(page.get_by_role("dialog").locator("dt")).to_have_count(0)


def test_the_dark_page_is_dark(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, color_scheme="dark") as context:
        page = context.new_page()
        page.goto("/")
        red, green, blue = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
        assert max(int(red), int(green), int(blue)) < 60


def test_the_focus_is_never_lost(page: Page) -> None:
    page.locator("#ideas button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("best first")
    expect(page.locator("#count")).to_be_focused()
    page.locator(".chip button").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_focused()
    page.locator(".frame").nth(3).focus()
    page.go_back()
    expect(page.locator(".chip.wish")).to_have_count(1)
    expect(page.locator("#count")).to_be_focused()

    page.goto("/?item=nobody")
    page.get_by_role("button", name="Start again").press("Enter")
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.locator("#count")).to_be_focused()
    page.route("**/search", lambda route: route.abort())
    page.locator("#text").fill("ball")
    page.locator("#text").press("Enter")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator("#count")).to_be_focused()
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator("#count")).to_contain_text("best first")
    expect(page.locator("#count")).to_be_focused()

    page.route("**/search", lambda route: route.abort())
    page.locator("#more").press("Enter")  # fails, and changes nothing
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.locator(".card:not(.ghost)")).to_have_count(24)
    expect(page.locator("#more")).to_be_focused()
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator(".frame").nth(24)).to_be_focused()
    expect(page.locator(".card")).to_have_count(30)


def test_it_is_built_for_those_who_listen(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("heading", level=2, name="A look around 30 products")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("A look around 30 products")
    find(page, "a red ball")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)  # unseen, but there
    expect(page.get_by_role("heading", level=2)).to_have_text("24 products, best first")
    expect(page.get_by_role("status")).to_have_text("24 products, best first")
    expect(page.get_by_role("list", name="Products").locator("> li")).to_have_count(24)
    assert page.locator("#results").get_attribute("role") == page.locator("#chips").get_attribute("role") == "list"
    sold = page.locator(".card", has=page.locator(".badge")).first
    name = sold.locator("h3").text_content()
    expect(sold.get_by_role("button", name=f"{name}, sold out, details")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_placeholder_can_be_read(browser: Browser, served: str, scheme: Literal["light", "dark"]) -> None:
    with browser.new_context(base_url=served, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto("/")
        ink, opacity, paper = page.evaluate("""() => {
          const { color, opacity } = getComputedStyle(document.getElementById("text"), "::placeholder");
          return [color, opacity, getComputedStyle(document.getElementById("composer")).backgroundColor];
        }""")
    assert opacity == "1" and contrast(ink, paper) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours `rgb(…)`, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_held_backspace_empties_the_field_and_takes_nothing_back(page: Page) -> None:
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


def test_a_file_is_looked_at_before_it_is_sent(page: Page, picture: Draw) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/search") else None)
    for type in ("text/plain", ""):
        page.evaluate(GIVE, [list(b"words"), "drop", type])
        expect(page.get_by_role("alert")).to_contain_text("not an image")
        page.evaluate("document.getElementById('problem').replaceChildren()")
    noise = list(os.urandom(400_001))
    page.evaluate(GIVE, [noise, "drop", "image/jpeg"])  # more than this service takes, and nothing to make smaller
    expect(page.get_by_role("alert")).to_contain_text("too large")
    assert sent == []
    noisy = encoded(Image.frombytes("RGB", (500, 500), os.urandom(750_000)))
    assert len(noisy) > 400_000
    page.evaluate(GIVE, [list(noisy), "drop"])
    expect(page.locator("#count")).to_contain_text("best first")  # as it was it would have been refused
    page.evaluate("sessionStorage.clear()")
    page.evaluate(GIVE, [list(picture("tent", "blue")), "drop", "image/avif"])  # a type the service does not read
    expect(page.locator(".card h3").first).to_have_text("Blue Tent")
    (kept,) = page.evaluate("Object.values(sessionStorage).map((picture) => picture.slice(0, 16))")
    assert kept == "data:image/jpeg;"


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_nothing_is_pasted_or_dropped_behind_the_dialog(page: Page, picture: Draw, kind: str) -> None:
    page.locator(".frame").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(GIVE, [list(picture()), kind])
    page.wait_for_timeout(100)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator("#drop")).to_be_hidden()


def test_every_line_of_the_docs_runs_as_it_stands(
    browser: Browser, serve: Callable[..., AbstractContextManager[str]], gallery: Path, tmp_path: Path
) -> None:
    shutil.copytree(gallery, tmp_path / "gallery")  # one of the lines rebuilds it
    with serve("--gallery", tmp_path / "gallery") as address:
        page = browser.new_page()
        page.goto(f"{address}/docs")
        expect(page.locator("#operations article")).to_have_count(16)
        expect(page.locator("#search pre").first).to_contain_text(f"curl {address}/search")
        lines = page.locator("#operations pre").all_text_contents()
        assert (
            len(lines) == 14
        )  # three of the search, one of each other, none that deletes, or of a job before there is one
        checked = 'set -e; curl() { command curl -sS --fail-with-body "$@"; }; '
        for line in lines:
            done = subprocess.run(["bash", "-c", checked + line], cwd=tmp_path, capture_output=True, timeout=30)
            assert done.returncode == 0, (line, done)
        while httpx.get(f"{address}/index").json()["last_job"]["state"] != "done":
            time.sleep(0.05)
        page.reload()
        expect(page.locator("#getIndexJob pre")).to_contain_text(f"curl {address}/index/jobs/")
        page.close()
