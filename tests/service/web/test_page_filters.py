"""The results of the page: filters with counts, ranges, order, the honest empty result, and steps back."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.service.web.conftest import ANSWERED, find


def expect_value(page: Page, key: str, name: str, count: int) -> None:
    """Checks a value of a filter and its count, which may arrive after the products."""
    label = page.locator("label.value", has=page.locator(f'[data-key="{key}"]'))
    expect(label).to_have_text(re.compile(rf"^{name}\s*{count}$"))


def prices(page: Page) -> list[float]:
    return [float(price) for price in page.locator(".card .price").all_text_contents()]


def test_filters_count_narrow_and_are_removed_while_browsing(page: Page) -> None:
    expect_value(page, "category ball", "ball", 5)
    expect_value(page, "stock in", "In stock only", 20)
    page.locator('[data-key="category ball"]').check()
    expect(page.locator("#count")).to_have_text("5 products")
    expect(page.locator('[data-key="category ball"]')).to_be_focused()
    page.locator('[data-key="colour red"]').check()
    expect(page.locator("#count")).to_have_text("1 product")
    expect(page.locator(".filter-chip")).to_have_text([re.compile("Category: ball"), re.compile("Colour: red")])
    expect_value(page, "category box", "box", 1)  # counted as if no category were chosen
    page.locator('[data-key="stock in"]').check()  # the red ball is sold out
    expect(page.locator("#count")).to_have_text("No product matches this search")
    expect(page.locator("#empty")).to_contain_text("With fewer filters there are some:")
    page.get_by_role("button", name="without Colour (3)").click()
    expect(page.locator("#count")).to_have_text("3 products")
    assert page.url.endswith("/?f.category=ball&stock=in")
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.locator(".filter-chip")).to_have_count(0)


def test_products_are_sorted_and_priced_between_two_thumbs(page: Page) -> None:
    page.get_by_label("Sort by").select_option("-price")
    expect(page.locator("#count")).to_have_text("30 products")
    expect(page.locator(".card .price").first).to_have_text("29.50")
    assert prices(page) == sorted(prices(page), reverse=True)
    least = page.locator('[data-key="least price"]')
    least.press("PageUp")
    expect(page).to_have_url(re.compile(r"r\.price=[\d.]+_&sort=-price$"))
    page.locator('[data-key="least field price"]').fill("10")
    page.locator('[data-key="least field price"]').press("Tab")
    expect(page.locator(".filter-chip")).to_have_text(re.compile(r"Price: from 10"))
    assert min(prices(page)) >= 10 and max(prices(page)) == 29.5
    most = page.locator('[data-key="most field price"]')
    most.fill("20")
    most.press("Tab")
    expect(page).to_have_url(re.compile(r"r\.price=[\d.]+_20&"))
    expect(page.locator(".card .price").first).to_have_text("19.50")
    page.get_by_label("Sort by").select_option("name")
    expect(page).to_have_url(re.compile("sort=name"))
    expect(page.locator(".card h3").first).to_have_text(re.compile("^Black"))


def test_a_search_counts_its_matches_and_shows_close_ones_below(page: Page) -> None:
    find(page, "red ball")
    expect(page.locator("#results .card h3")).to_have_text(["Red Ball", "Red Ring"])
    expect(page.get_by_role("heading", name="Close to what you are looking for")).to_be_visible()
    expect(page.locator('[data-key^="category "]')).to_have_count(2)
    page.locator('[data-key="category ring"]').check()
    expect(page.locator("#count")).to_have_text("1 product matches")
    expect_value(page, "category ball", "ball", 1)
    close = page.locator("#close .card h3").all_text_contents()
    assert close and all(name.endswith("Ring") for name in close)
    page.locator(".card .like").first.click()  # keeps the filter
    expect(page.locator(".chip.reference")).to_be_visible()
    expect(page.locator("#count")).to_have_text(ANSWERED)
    assert all(name.endswith("Ring") for name in page.locator(".card h3").all_text_contents())


def test_gibberish_gets_an_honest_empty_page(page: Page) -> None:
    find(page, "xqzv wkjh")
    expect(page.locator("#count")).to_have_text("No product matches this search")
    expect(page.locator(".card")).to_have_count(0)
    page.get_by_role("button", name="Show the closest products").click()
    expect(page.locator("#close .card")).not_to_have_count(0)
    expect(page.locator("#close-title")).to_be_focused()
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")


def test_a_step_back_shows_what_was_there_where_it_was(page: Page) -> None:
    page.locator("#more").click()
    expect(page.locator(".card")).to_have_count(30)
    page.evaluate("window.scrollTo(0, 900)")
    page.locator(".card .like").nth(20).click()
    expect(page.locator(".chip.reference")).to_be_visible()
    expect(page.locator("#count")).to_have_text(ANSWERED)
    assert page.evaluate("window.scrollY") == 0
    page.go_back()
    expect(page.locator("#count")).to_have_text("A look around 30 products")
    expect(page.locator(".card")).to_have_count(30)
    assert page.evaluate("window.scrollY") >= 900


def test_on_a_phone_the_filters_are_a_sheet(browser: Browser, served: str) -> None:
    with browser.new_context(base_url=served, viewport={"width": 390, "height": 844}, has_touch=True) as context:
        page = context.new_page()
        page.goto("/?but=red+ball")
        expect(page.locator(".side")).to_be_hidden()
        page.get_by_role("button", name="Filters").click()
        sheet = page.get_by_role("dialog", name="Filters")
        sheet.get_by_label("ball, 1 product").check()
        expect(sheet.get_by_role("button", name="Show 1 product")).to_be_visible()
        sheet.get_by_role("button", name="Show 1 product").click()
        expect(sheet).to_be_hidden()
        expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
        expect(page.locator("#results .card h3")).to_have_text(["Red Ball"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
