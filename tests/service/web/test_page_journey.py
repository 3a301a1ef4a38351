"""A whole visit on desktop and phone, and what axe finds on the way, in each language, light and dark."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.service.web.conftest import ANSWERED

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def check(page: Page) -> None:
    """Fails if axe finds anything on the page as it is."""
    result = Axe().run(page)
    assert len(result.response["passes"]) > 10, "axe did not look at the page"
    assert [(each["id"], each["nodes"][0]["failureSummary"]) for each in result.response["violations"]] == []


@pytest.mark.parametrize(
    ("language", "scheme", "viewport"),
    [("en", "light", DESKTOP), ("de", "dark", DESKTOP), ("fr", "light", PHONE), ("es", "dark", PHONE)],
)
def test_axe_finds_nothing(
    browser: Browser, served: str, language: str, scheme: Literal["light", "dark"], viewport: ViewportSize
) -> None:
    with browser.new_context(
        base_url=served, viewport=viewport, color_scheme=scheme, locale=language, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator(".card:not(.ghost)")).to_have_count(24)
        check(page)
        page.goto("/?but=red+ball&f.category=ball&f.category=ring")  # matches, and close ones
        expect(page.locator("#close .card").first).to_be_visible()
        expect(page.locator(".filter-chip")).to_have_count(2)
        if viewport is PHONE:
            page.locator("#filter-open").click()
        check(page)
        page.goto("/?but=xqzv+wkjh&product=red-box")
        expect(page.locator("#detail")).to_be_visible()
        check(page)
        page.keyboard.press("Escape")
        expect(page.locator("#empty")).to_be_visible()
        check(page)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_a_visit_from_a_filter_to_the_product_and_back(browser: Browser, served: str, viewport: ViewportSize) -> None:
    with browser.new_context(base_url=served, viewport=viewport) as context:
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.goto("/")
        expect(page.locator("#count")).to_have_text("A look around 30 products")
        if viewport is PHONE:
            page.locator("#filter-open").click()
        page.locator('[data-key="stock in"]').check()
        expect(page.locator("#count")).to_have_text("20 products")
        if viewport is PHONE:
            page.locator("#sheet-done").click()
        page.locator("#sort").select_option("price")
        expect(page.locator(".card h3").first).to_have_text("Blue Ball")
        page.locator(".card .like").first.click()
        page.keyboard.type("in red")
        with page.expect_response("**/search"):
            page.keyboard.press("Enter")
        expect(page.locator(".chip.wish .word")).to_have_text("but in red")
        expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
        expect(page.locator("#count")).to_have_text(ANSWERED)
        expect(page.locator(".card .badge")).to_have_count(0)  # the filter and the order stay
        expect(page.locator(".card h3").nth(1)).to_be_visible()
        hits = page.locator(".card h3").all_text_contents()
        page.locator(".frame").nth(1).click()
        expect(page.locator("#detail")).to_contain_text(hits[1])
        page.locator("#detail .close").click()
        expect(page.locator("#detail")).to_be_hidden()
        expect(page).not_to_have_url(re.compile("product="))  # the way back is taken after the dialog is hidden
        page.go_back()
        expect(page.locator(".chip.wish")).to_have_count(0)
        page.go_back()
        expect(page.locator(".chip.reference")).to_have_count(0)
        expect(page.locator(".card h3").first).to_have_text("Blue Ball")
        expect(page.locator("#sort")).to_have_value("price")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        expect(page.get_by_role("alert")).to_be_hidden()


def test_the_filters_and_the_order_by_keyboard(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/")
        page.locator('[data-key="stock in"]').focus()
        page.keyboard.press("Space")
        expect(page.locator("#count")).to_have_text("20 products")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # the heading of the price
        page.keyboard.press("Tab")
        expect(page.locator('[data-key="least price"]')).to_be_focused()
        page.keyboard.press("End")
        expect(page.locator(".filter-chip")).to_have_count(2)
        expect(page.locator('[data-key="least price"]')).to_be_focused()
        page.locator(".filter-chip button").first.press("Enter")  # the price
        expect(page.locator(".filter-chip")).to_have_count(1)
        expect(page.locator("#count")).to_be_focused()
        page.locator("#theme").select_option("dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.locator("#language").select_option("es")
        expect(page.locator("html")).to_have_attribute("lang", "es")
