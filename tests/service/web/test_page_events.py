"""Events of the page: on the document, and in batches to the events URL."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

Serve = Callable[..., AbstractContextManager[str]]

LISTEN = """() => {
  window.heard = [];
  for (const type of ["shown", "clicked", "added"]) {
    document.addEventListener(`likebut:${type}`, ({ detail }) => window.heard.push({ type, ...detail }));
  }
}"""


@dataclass(slots=True)
class ShopSite:
    """The site of a shop, on an origin of its own: it gets batches of events, and has a basket."""

    address: str = ""
    batches: list[tuple[dict[str, str], dict[str, object]]] = field(default_factory=list)
    arrival: threading.Condition = field(default_factory=threading.Condition)

    def events(self, count: int) -> list[dict[str, object]]:
        """Return the events, as soon as there are so many."""

        def arrived() -> list[dict[str, object]]:
            batches = [batch["events"] for _, batch in self.batches]
            assert all(isinstance(batch, list) for batch in batches)
            return [event for batch in batches if isinstance(batch, list) for event in batch]

        with self.arrival:
            assert self.arrival.wait_for(lambda: len(arrived()) >= count, timeout=10), self.batches
        return arrived()


@pytest.fixture(scope="module")
def site() -> Iterator[ShopSite]:
    opened = ShopSite()

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Writes no log."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with opened.arrival:
                opened.batches.append(({name.lower(): value for name, value in self.headers.items()}, body))
                opened.arrival.notify_all()
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Basket</title>")

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        opened.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield opened
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def page(browser: Browser, gallery: Path, serve: Serve, site: ShopSite) -> Iterator[Page]:
    site.batches.clear()
    words = ("--events-url", f"{site.address}/events?shop=7", "--basket-url", f"{site.address}/basket?add={{id}}")
    with serve("--gallery", gallery, *words) as address, browser.new_context(base_url=address) as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


def test_the_shop_gets_what_was_shown_clicked_and_added_and_nothing_else(page: Page, site: ShopSite) -> None:
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "policy" in message.text.lower() else None)
    page.goto("/")
    expect(page.locator(".card:not(.ghost)").first).to_be_visible()
    page.evaluate(LISTEN)
    page.locator("#text").fill("a red ball")
    page.locator("#text").press("Enter")
    expect(page).to_have_title(re.compile("a red ball"))
    page.locator(".card:not(.sold-out) .frame").first.click()
    id = page.locator(".card:not(.sold-out) .frame").first.get_attribute("data-id")
    heard = page.evaluate("window.heard")
    page.get_by_role("dialog").get_by_role("button", name="Add to basket").click()
    page.wait_for_url(f"{site.address}/basket?add={id}")

    assert [event["type"] for event in heard] == ["shown", "clicked"]
    assert heard[0]["ids"] and heard[0]["query"] == heard[1]["query"] == "a red ball" and heard[1]["id"] == id
    browsed, shown, clicked, added = site.events(4)  # the last batch was sent while the page was left
    assert browsed["type"] == "shown" and browsed["query"] == ""
    assert shown == {"type": "shown", "at": shown["at"], "ids": heard[0]["ids"], "query": "a red ball"}
    assert clicked == {
        "type": "clicked",
        "at": clicked["at"],
        "id": id,
        "rank": heard[1]["rank"],
        "query": "a red ball",
    }
    assert added == {"type": "added", "at": added["at"], "id": id, "query": "a red ball"}
    for headers, _ in site.batches:
        assert headers["content-type"].startswith("text/plain") and "cookie" not in headers
    assert blocked == []


def test_a_shop_that_listens_can_fill_its_basket_itself(page: Page, site: ShopSite) -> None:
    page.goto("/?but=a+red+ball")
    page.locator(".card:not(.sold-out) .frame").first.click()
    page.evaluate("document.addEventListener('likebut:added', (event) => event.preventDefault())")
    page.get_by_role("dialog").get_by_role("button", name="Add to basket").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert [event["type"] for event in site.events(3)] == ["shown", "clicked", "added"]
    assert page.url.startswith(page.evaluate("location.origin"))
