"""Suggestions, recognised facts and the search history of the search box, and the favourites."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.service.web.conftest import find, findings

FORBID = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("forbidden"); } });
}"""


def options(page: Page) -> list[str]:
    return page.locator("#offer-list .word").all_text_contents()


def test_suggestions_are_chosen_by_keyboard_or_pointer(page: Page) -> None:
    field, panel = page.get_by_role("combobox", name="What are you looking for?"), page.locator("#offers")
    field.press_sequentially("red b")
    expect(panel).to_be_visible()
    assert "Red Ball" in options(page) or "red ball" in options(page)
    expect(page.locator("#offer-list mark").first).to_have_text(re.compile("red b", re.IGNORECASE))
    expect(field).to_have_attribute("aria-expanded", "true")
    assert field.get_attribute("aria-activedescendant") is None
    assert findings(page) == []
    field.press("ArrowDown")
    first = page.locator("#offer-list").get_by_role("option").first
    expect(first).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == first.get_attribute("id")
    field.press("ArrowUp")  # back to the field itself
    assert field.get_attribute("aria-activedescendant") is None
    field.press("Escape")
    expect(panel).to_be_hidden()
    expect(field).to_have_value("red b")
    field.press("Backspace")
    expect(panel).to_be_visible()
    field.press("ArrowDown")
    text = options(page)[0]
    field.press("Enter")
    expect(page.locator(".chip.wish .word")).to_have_text([text])
    expect(field).to_have_value("")
    field.press_sequentially("tent")
    page.locator("#offer-list").get_by_role("option").first.click()
    expect(page.locator(".chip.wish")).to_have_count(2)
    expect(panel).to_be_hidden()


def test_a_late_or_failed_suggestion_is_not_shown(page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/suggestions?q=re&*", lambda route: waiting.append(route))
    page.route("**/suggestions?q=blue&*", lambda route: route.fulfill(status=500, json={}))
    field = page.locator("#text")
    with page.expect_request("**/suggestions?q=re&*"):
        field.press_sequentially("re")
    with page.expect_request("**/suggestions?q=red&*"):
        field.press_sequentially("d")
    expect(page.locator("#offer-list mark").first).to_have_text(re.compile("^red$", re.IGNORECASE))
    assert len(waiting) == 1  # which the page has ended: an answer to it would change nothing
    field.fill("blue")
    expect(page.locator("#offers")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()
    field.press("Enter")
    expect(page.locator(".chip.wish .word")).to_have_text(["blue"])


def test_a_shop_without_suggestions_is_not_asked_again(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.route("**/suggestions*", lambda route: route.fulfill(status=404, json={}))
    with page.expect_response("**/suggestions*"):
        page.locator("#text").press_sequentially("re")
    page.locator("#text").press_sequentially("d ball")
    page.locator("#text").press("Enter")
    expect(page.locator(".chip.wish .word")).to_have_text(["red ball"])
    assert len([url for url in requests if "/suggestions" in url]) == 1


def test_a_fact_is_a_chip_and_becomes_words_when_it_is_removed(page: Page) -> None:
    find(page, "a ball under 3")
    fact = page.locator("#facts .chip")
    expect(fact).to_have_text(re.compile("under 3"))
    shown = page.locator(".card:not(.ghost)").count()
    assert 0 < shown < 24
    with page.expect_request("**/search") as sent:
        page.get_by_role("button", name="Search for the words instead: under 3").click()
    assert json.loads(sent.value.post_data or "")["literal"] == ["under 3"]
    expect(page.locator("#facts")).to_be_hidden()
    expect(page.locator(".card:not(.ghost)")).to_have_count(24)
    assert page.url.endswith("/?but=a+ball+under+3&literal=under+3")
    page.go_back()
    expect(fact).to_have_count(1)
    expect(page.locator(".card:not(.ghost)")).to_have_count(shown)


def test_the_last_searches_stay_in_the_browser(page: Page) -> None:
    find(page, "a red ball")
    find(page, "larger")  # continues the search before
    page.locator("#home").click()
    expect(page.locator(".chip")).to_have_count(0)
    find(page, "a blue tent")
    page.locator("#home").click()
    expect(page.locator("#offers")).to_be_hidden()
    page.locator("#text").click()
    assert options(page) == ["a blue tent", "a red ball, but larger"]
    assert findings(page) == []
    page.get_by_role("option", name="larger").click()
    expect(page).to_have_title(re.compile("larger"))  # set when the answer is shown
    page.reload()
    expect(page).to_have_title(re.compile("larger"))
    page.locator("#text").press("Alt+ArrowDown")
    assert options(page)[0] == "a red ball, but larger"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#offers")).to_be_hidden()
    assert page.evaluate("localStorage.getItem('likebut:history')") is None
    page.locator("#text").click()
    expect(page.locator("#offers")).to_be_hidden()


def test_favourites_stay_in_the_browser(page: Page) -> None:
    expect(page.locator("#favourites")).to_be_hidden()
    first, second = page.locator(".card h3").all_text_contents()[:2]
    for name in (first, second):
        page.get_by_role("button", name=f"Favourite: {name}").click()
        expect(page.get_by_role("button", name=f"Favourite: {name}")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Favourites 2").click()
    expect(page.locator(".card h3")).to_have_text([second, first])
    assert page.url.endswith("/?favourites")
    assert findings(page) == []
    page.evaluate("localStorage.setItem('likebut:favourites', JSON.stringify(['gone', 'green-ring']))")
    page.goto("/?favourites")
    expect(page.locator(".card h3")).to_have_text(["Green Ring"])
    assert json.loads(page.evaluate("localStorage.getItem('likebut:favourites')")) == ["green-ring"]
    page.locator(".frame").click()
    page.get_by_role("dialog").get_by_role("button", name="Favourite: Green Ring").click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"\?favourites$"))
    page.reload()
    expect(page.get_by_text("The heart on a product")).to_be_visible()
    page.locator("#home").click()
    expect(page.locator("#count")).to_contain_text("30 products")


@pytest.fixture
def forbidden(browser: Browser, served: str) -> Iterator[Page]:
    """A page whose browser forbids storage."""
    with browser.new_context(base_url=served) as context:
        context.add_init_script(FORBID)
        yield context.new_page()


def test_the_page_works_if_storage_is_forbidden(forbidden: Page) -> None:
    forbidden.goto("/")
    forbidden.get_by_role("button", name=re.compile("Favourite")).first.click()
    expect(forbidden.locator("#favourites-count")).to_have_text("1")
    find(forbidden, "a red ball")
    expect(forbidden.locator(".card h3").first).to_have_text("Red Ball")
