"""The dialog of a product: its address, its images, the way to the shop, and what pages around are told."""

import re

from playwright.sync_api import Browser, Page, expect

IMAGES = ["/images/red-box", "/images/red-box?image=1"]
SHOP = {"link": "link", "basket_url": "/basket/{id}", "currency": "EUR", "events_url": None, "public": True}

LISTEN = """() => {
  window.heard = [];
  for (const kind of ["shown", "clicked", "added"]) document.addEventListener(`likebut:${kind}`, (event) => {
    window.heard.push([kind, event.detail.id, event.detail.rank]);
    if (window.isPrevented) event.preventDefault();
  });
}"""


def test_a_product_has_an_address_of_its_own(page: Page) -> None:
    page.locator(".frame[data-id='red-ring'], .frame").first.click()
    name = page.get_by_role("dialog").get_by_role("heading").text_content() or "?"
    expect(page).to_have_url(re.compile("product="))
    page.reload()
    expect(page.get_by_role("dialog")).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("product="))  # the way back is taken after the dialog is hidden
    page.locator(".frame").nth(2).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="More like this, but …").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".chip.reference")).to_be_visible()
    page.goto("/?product=unknown")
    expect(page.get_by_role("alert")).to_contain_text("not in the shop any more")


def test_images_price_link_and_basket_of_a_product(browser: Browser, served: str) -> None:
    attributes = {"title": "Red Box", "price": 1234.5, "link": "https://shop.example/red-box", "in_stock": True}
    item = {"id": "red-box", "image_url": IMAGES[0], "images": IMAGES, "attributes": attributes}
    unsafe = {**item, "id": "blue-box", "images": [], "attributes": {**attributes, "link": "javascript:alert(1)"}}
    sold = {**item, "id": "green-box", "attributes": {**attributes, "in_stock": False}}
    with browser.new_context(base_url=served, locale="de-DE") as context:
        page = context.new_page()
        facts = {"total": 3, "facets": {}, "ranges": {}, "offset": 0, "snapshot": ""}
        page.route("**/storefront", lambda route: route.fulfill(json=SHOP))
        page.route("**/browse?*", lambda route: route.fulfill(json={"items": [item, unsafe, sold], **facts}))
        page.goto("/")
        expect(page.locator(".card .price").first).to_have_text("1.234,50\xa0€")
        page.evaluate(LISTEN)
        page.locator(".frame").first.click()
        dialog = page.get_by_role("dialog")
        buy = dialog.get_by_role("link")
        expect(buy).to_have_attribute("href", "https://shop.example/red-box")
        assert "noopener" in (buy.get_attribute("rel") or "")
        second = dialog.locator(".thumbnails button").nth(1)
        second.click()
        expect(second).to_have_attribute("aria-pressed", "true")
        expect(dialog.locator(".picture")).to_have_attribute("src", re.compile(r"red-box\?size=1024&image=1$"))
        page.evaluate("window.isPrevented = true")  # the page around has a basket of its own
        dialog.get_by_role("button", name="Warenkorb").click()
        expect(dialog.get_by_role("button", name="Im Warenkorb")).to_be_visible()
        assert page.evaluate("window.heard") == [["clicked", "red-box", 1], ["added", "red-box", None]]
        page.keyboard.press("Escape")
        page.locator(".frame").nth(1).click()
        expect(dialog.get_by_role("button", name="Warenkorb")).to_be_visible()
        expect(dialog.get_by_role("link")).to_have_count(0)
        page.keyboard.press("Escape")
        page.locator(".frame").nth(2).click()
        expect(dialog).to_contain_text("ausverkauft")
        expect(dialog.get_by_role("link")).to_have_count(0)
        expect(dialog.get_by_role("button", name="Warenkorb")).to_have_count(0)
        page.keyboard.press("Escape")
        page.evaluate("window.isPrevented = false")
        page.locator(".frame").nth(1).click()
        dialog.get_by_role("button", name="Warenkorb").click()
        expect(page).to_have_url(re.compile("/basket/blue-box$"))
