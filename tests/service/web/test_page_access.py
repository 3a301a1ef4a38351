"""The page by keyboard, on a phone, in the dark and for a screen reader."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.web.conftest import ANSWERED, find


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("a blue box")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text(ANSWERED)
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
    page.keyboard.press("Enter")  # the first button of the dialog: more like this
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
        page.get_by_role("dialog").locator("img").first.evaluate("(image) => image.decode()")
        parts = [
            page.get_by_role("dialog"),
            page.get_by_role("button", name="Close"),
            page.get_by_role("dialog").locator(".primary"),
        ]
        # at one moment, since the dialog grows with what arrives
        boxes = "(parts) => parts.map((part) => part.getBoundingClientRect().toJSON())"
        dialog, close, more = page.evaluate(boxes, [part.element_handle() for part in parts])
        assert close["y"] >= dialog["y"] + 8 and close["x"] + close["width"] <= dialog["x"] + dialog["width"] - 8
        assert more["y"] + more["height"] <= dialog["y"] + dialog["height"] - 16


def test_the_names_of_the_docs_stay_whole_on_a_phone(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto("/docs")
        name = page.locator("#SearchBody td code", has_text="exclude_reference")
        expect(name).to_be_visible()
        assert name.evaluate("name => name.getClientRects().length") == 1


def test_the_dark_page_is_dark(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, color_scheme="dark") as context:
        page = context.new_page()
        page.goto("/")
        red, green, blue = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
        assert max(int(red), int(green), int(blue)) < 60


def test_the_focus_is_never_lost(page: Page) -> None:
    page.locator("#ideas button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text(ANSWERED)
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
    expect(page.locator("#count")).to_have_text(ANSWERED)
    expect(page.locator("#count")).to_be_focused()

    page.route("**/search", lambda route: route.abort())
    page.locator("#more").press("Enter")  # fails and changes nothing
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.locator(".card:not(.ghost)")).to_have_count(24)
    expect(page.locator("#more")).to_be_focused()
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator(".frame").nth(24)).to_be_focused()
    expect(page.locator(".card")).to_have_count(30)


def test_screen_readers_get_headings_roles_and_status(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("heading", level=2, name="A look around 30 products")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("A look around 30 products")
    find(page, "red ball")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)  # hidden, but there
    expect(page.get_by_role("heading", level=2, name="2 products match")).to_be_visible()
    expect(page.get_by_role("heading", level=2, name="Close to")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("2 products match")
    expect(page.get_by_role("list", name="Products").locator("> li")).to_have_count(2)
    expect(page.get_by_role("list", name="Close to").locator("> li")).to_have_count(22)
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
    """Return the contrast of two colours `rgb(…)`, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
