"""The widget on a page of another origin, in a real browser: with a key, without one, and refused."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from service.auth import keys
from tests.service.web.conftest import findings

Draw = Callable[..., bytes]
Serve = Callable[..., AbstractContextManager[str]]

PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy"
  content="default-src 'self'; script-src {shop}; connect-src {shop}; img-src {shop} blob:">
<title>A shop</title><body><main><h1>A shop</h1>{body}</main>
<script type="module" src="{shop}/web/widget.js"{data}></script>"""
ELEMENT = '<likebut-search key="{key}"></likebut-search>'
LISTEN = """() => { window.events = []; document.addEventListener("likebut-add", (event) => {
  window.events.push(event.detail);
  if (window.prevents) event.preventDefault();
}); }"""
PASTE = """(field, bytes) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(bytes)], "x", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, composed: true, cancelable: true }));
}"""
SHIFT = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().reduce((sum, entry) => sum + (entry.hadRecentInput ? 0 : entry.value), 0))
).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 300))"""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A website beside the service, which allows the first of its two origins."""

    address: str
    other_address: str
    shop: str
    key: str

    def page(self, *, key: str | None = None, data: str = "", lang: str = "en", shop: str | None = None) -> str:
        """Return the HTML of a page with the widget."""
        body = '<div id="here"></div>' if data else ELEMENT.format(key=self.key if key is None else key)
        if shop is not None:
            body = body.replace("<likebut-search ", f'<likebut-search shop="{shop}" ')
        return PAGE.format(shop=self.shop, lang=lang, body=body, data=data)


class Pages(BaseHTTPRequestHandler):
    """Sends the page of the query string: `?page=` is its HTML."""

    def do_GET(self) -> None:
        html = parse_qs(urlsplit(self.path).query).get("page", [""])[0].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(html)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@contextmanager
def website() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def site(gallery: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbour]:
    path = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    key = keys.add(path, name="widget", role="search", rate_per_s=None, burst=None)
    with website() as port:
        address = f"http://127.0.0.1:{port}"
        words = ("--keys", path, "--cors-origins", address, "--public-rate-per-s", "50", "--currency", "EUR")
        basket = f"{address}/basket?add={{id}}"
        with serve("--gallery", gallery, *words, "--link", "title", "--basket-url", basket) as shop:
            yield Neighbour(address, f"http://localhost:{port}", shop, key)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-IE") as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


def visit(page: Page, html: str, address: str) -> None:
    """Open the page at an address of the website."""
    page.goto(f"{address}/?{_query(html)}")
    page.evaluate(LISTEN)
    expect(page.get_by_label("What are you looking for?")).to_be_visible()


def _query(html: str) -> str:
    return urlencode({"page": html})


def find(page: Page, text: str) -> None:
    field = page.locator("likebut-search input[type=text]")
    field.fill(text)
    field.press("Enter")
    expect(page.locator("likebut-search .results")).not_to_have_attribute("aria-busy", "true")


def names(page: Page) -> list[str]:
    return page.locator("likebut-search .name").all_text_contents()


def test_a_key_searches_from_another_origin(page: Page, site: Neighbour, image_file: Draw) -> None:
    console: list[str] = []
    requests: list[Request] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requests.append(request))
    visit(page, site.page(), site.address)
    assert not [request.url for request in requests if "/web/" not in request.url and site.shop in request.url]
    find(page, "a red ball")
    expect(page.get_by_role("status")).to_have_text(re.compile("product"))
    card = page.locator("likebut-search .card", has_text="Red Ball")
    expect(card.locator(".price")).to_have_text(re.compile(r"€\d+\.50"))
    expect(card.get_by_role("link", name="Red Ball")).to_have_attribute("href", f"{site.address}/Red%20Ball")
    expect(card.locator("img")).to_have_js_property("naturalWidth", 160)

    page.get_by_role("button", name="Like this, but …: Red Ball").click()
    expect(page.get_by_label("What are you looking for?")).to_be_focused()
    expect(page.locator("likebut-search .chip.reference")).to_contain_text("Red Ball")
    find(page, "but in blue")
    expect(page.locator("likebut-search .chip").last).to_have_text("but in blue")
    expect(page.locator("likebut-search .name").first).to_contain_text("Blue")
    assert "Red Ball" not in names(page)

    file = {"name": "x.png", "mimeType": "image/png", "buffer": image_file("ring", "green")}
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("likebut-search .card")).to_have_count(0)
    page.locator("likebut-search input[type=file]").set_input_files(file)  # type: ignore[arg-type]  # a TypedDict there
    expect(page.locator("likebut-search .name").first).to_have_text("Green Ring")
    expect(page.locator("likebut-search .chip.reference img")).to_have_js_property("naturalWidth", 160)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("likebut-search .card")).to_have_count(30)
    expect(page.locator("likebut-search .name a").nth(24)).to_be_focused()

    assert console == []
    assert not any(site.key in request.url for request in requests if request.url.startswith(site.shop))
    assert {urlsplit(request.url).netloc for request in requests if request.url.startswith("http")} == {
        urlsplit(address).netloc for address in (site.address, site.shop)
    }


def test_one_script_tag_and_no_key_are_enough(page: Page, site: Neighbour) -> None:
    visit(page, site.page(data=' data-target="#here" data-query="a blue box" data-item="red-box"'), site.address)
    expect(page.locator("#here likebut-search .chip")).to_have_text(["this product", "but a blue box"])
    expect(page.locator("likebut-search .card img").first).to_have_js_property("naturalWidth", 160)
    page.evaluate("window.prevents = true")
    in_stock = page.locator("likebut-search .card:not(.sold-out)").first
    add = in_stock.get_by_role("button", name="Add to basket")
    add.click()
    (event,) = page.evaluate("window.events")
    assert event["attributes"]["title"] == in_stock.locator(".name").text_content()
    sold_out = page.locator("likebut-search .sold-out").first
    expect(sold_out.locator(".badge")).to_have_text("sold out")
    expect(sold_out.get_by_role("button", name="Add to basket")).to_have_count(0)
    page.evaluate("window.prevents = false")
    add.click()
    page.wait_for_url(f"{site.address}/basket?add={event['id']}")


def test_facts_an_own_image_and_words_without_a_match(page: Page, site: Neighbour, image_file: Draw) -> None:
    visit(page, site.page(), site.address)
    find(page, "a red ball under 12")
    expect(page.locator("likebut-search .fact")).to_have_text("under 12")
    prices = [float(text[1:]) for text in page.locator("likebut-search .price").all_text_contents()]
    assert prices and all(price < 12 for price in prices)
    page.get_by_role("button", name="Show the closest products").click()
    expect(page.locator("likebut-search .card")).to_have_count(12)
    expect(page.locator("likebut-search .divider")).to_have_count(1)
    page.get_by_role("button", name="Search for the words instead: under 12").click()
    expect(page.locator("likebut-search .fact")).to_have_count(0)
    field = page.get_by_label("What are you looking for?")
    field.press("Backspace")
    expect(field).to_have_value("a red ball under 12")
    expect(page.locator("likebut-search .card, likebut-search .chip")).to_have_count(0)
    field.evaluate(PASTE, list(image_file("tent", "blue")))
    expect(page.locator("likebut-search .name").first).to_have_text("Blue Tent")
    page.get_by_role("button", name="Remove the image: your image").click()
    expect(field).to_be_focused()
    find(page, "xqzzv wqpfk")
    expect(page.get_by_role("status")).to_contain_text("The closest ones")
    expect(page.locator("likebut-search .card")).to_have_count(24)


def test_refusals_are_sentences_for_shoppers(page: Page, site: Neighbour) -> None:
    console: list[ConsoleMessage] = []
    page.on("console", lambda message: console.append(message))

    def developer() -> str:
        return " ".join(message.text for message in console if message.text.startswith("likebut-search"))

    closed = "not available on this page"
    visit(page, site.page(key="likebut_wrong"), site.address)
    find(page, "a red ball")
    expect(page.get_by_role("alert")).to_contain_text(closed)
    assert "attribute key" in developer()
    console.clear()

    visit(page, site.page(), site.other_address)
    find(page, "a red ball")
    expect(page.get_by_role("alert")).to_contain_text(closed)
    assert f"--cors-origins {site.other_address}" in developer()
    console.clear()

    visit(page, site.page(), site.address)
    page.route("**/search", lambda route: route.fulfill(status=429, json={"type": "about:blank", "detail": "x"}))
    find(page, "a red ball")
    expect(page.get_by_role("alert")).to_contain_text("Many people")
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("likebut-search .name").first).to_contain_text("Red")


@pytest.mark.parametrize("lang", ["en", "de", "fr", "es"])
def test_a_phone_shows_all_of_it_to_everyone(browser: Browser, site: Neighbour, lang: str) -> None:
    with browser.new_context(viewport={"width": 360, "height": 740}, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{site.address}/?{_query(site.page(key='', lang=lang))}")
        page.locator("likebut-search input[type=text]").fill("a red ball, not sold out")
        page.keyboard.press("Enter")
        page.locator("likebut-search .like").first.press("Enter")
        page.keyboard.type("in blue")
        page.keyboard.press("Enter")
        expect(page.locator("likebut-search .chip")).to_have_count(2)
        expect(page.locator("likebut-search .results")).not_to_have_attribute("aria-busy", "true")
        assert findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(SHIFT) < 0.1
        widget = page.locator("likebut-search .root")
        expect(widget).to_have_attribute("lang", lang)


def test_the_demo_page_lists_what_a_page_hears(page: Page, site: Neighbour) -> None:
    page.goto(f"{site.shop}/docs")
    page.get_by_role("link", name="The widget").click()
    expect(page.locator("#tag")).to_contain_text(f'src="{site.shop}/web/widget.js"')
    find(page, "boxes")
    page.locator("likebut-search .add").first.click()
    expect(page.locator("#heard li")).to_contain_text("likebut-add")
    assert findings(page) == []
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("button", name="Neu beginnen")).to_be_visible()
    expect(page.locator("likebut-search .chip")).to_have_text("boxes")
