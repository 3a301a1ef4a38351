"""The page behind a proxy that serves the service below a path and strips it, without a setting."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.service.prefixing_proxy import proxy
from tests.service.web.conftest import ANSWERED, find


@pytest.mark.parametrize("header", [False, True])
def test_the_page_searches_below_a_path(browser: Browser, served: str, header: bool) -> None:
    with proxy(served, below="/shop/finder", strip=True, header=header) as address, browser.new_context() as context:
        page = context.new_page()
        failed: list[str] = []
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(f"{address}/")
        expect(page.locator("#count")).to_have_text("A look around 30 products")
        find(page, "a red ball")
        assert page.url == f"{address}/?but=a+red+ball"
        for image in page.locator(".frame img").all()[:4]:
            expect(image).to_have_js_property("complete", True)
            assert image.evaluate("image => image.naturalWidth") > 0
        page.locator(".card .like").first.click()
        expect(page.locator(".chip.reference img")).to_have_js_property("complete", True)
        page.reload()
        expect(page.locator("#count")).to_have_text(ANSWERED)
        page.locator(".frame").first.click()
        expect(page.get_by_role("dialog").locator("img")).to_have_js_property("complete", True)
        page.keyboard.press("Escape")
        page.locator("#home").click()
        expect(page.locator("#count")).to_have_text("A look around 30 products")
        assert page.url == f"{address}/"
        page.get_by_role("link", name="API").click()
        expect(page.locator("#search pre").first).to_contain_text(re.compile(re.escape(f"curl {address}/search")))
        page.locator(".brand").click()
        expect(page.locator("#count")).to_have_text("A look around 30 products")
        assert failed == []
