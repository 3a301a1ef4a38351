"""The page of the shop in a real browser, and how the tests use it."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

# Passes a file to the page as a browser does on paste or drop.
GIVE = """([bytes, kind, type = "image/png"]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], "x", { type }));
  const manner = { bubbles: true, cancelable: true, clipboardData: carried, dataTransfer: carried };
  if (kind === "paste") document.dispatchEvent(new ClipboardEvent("paste", manner));
  else for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, manner));
}"""

ANSWERED = re.compile("match|closest|best first")  # the number of products, once a search is answered


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """The opened page; at the end, the console must be empty and all requests must be of its origin."""
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
    expect(page).to_have_title(re.compile(re.escape(text.removeprefix("but "))))  # set when the answer is shown


def findings(page: Page) -> list[str]:
    """Return the places where axe finds that the page is not accessible."""
    violations = Axe().run(page).response["violations"]
    return [f"{violation['id']}: {node['html']}" for violation in violations for node in violation["nodes"]]
