"""The images of a query on the page: several, weighted, cut, to be unlike, named by address; and words beside them."""

import base64
import io
import re
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, Request, expect

from tests.service.web.conftest import GIVE, find, findings

Draw = Callable[..., bytes]
Body = dict[str, object]
ODD = "odd/ü ?#&%2F.."  # the id of the red ball
# Passes a link to the page as a browser does on paste or drop.
LINK = """([kind, form, text]) => {
  const carried = new DataTransfer();
  carried.setData(form, text);
  if (form === "text/html") carried.setData("text/uri-list", "https://shop.example/page");
  const manner = { bubbles: true, cancelable: true, clipboardData: carried, dataTransfer: carried };
  if (kind === "paste") document.getElementById("text").dispatchEvent(new ClipboardEvent("paste", manner));
  else for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, manner));
}"""

PAINTED = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"


def searched(request: Request) -> bool:
    return request.url.endswith("/search")


def after(page: Page, act: Callable[[], object]) -> Body:
    """Return the body of the search that an action sends, once its answer is shown."""
    with page.expect_request(searched) as sent:
        act()
    sent.value.response()
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    body = sent.value.post_data_json
    assert isinstance(body, dict)
    return body


def visit(page: Page, address: str) -> None:
    """Open an address and wait for its answer."""
    with page.expect_response("**/search"):
        page.goto(address)
    expect(page.locator(".card:not(.ghost)").first).to_be_visible()


def way(page: Page, name: str, label: str) -> Callable[[], None]:
    """Return the choice of an entry of the menu of a product."""

    def choose() -> None:
        page.get_by_role("button", name=f"More ways to search with: {name}").click()
        page.get_by_role("menuitem", name=label).click()

    return choose


def stage(page: Page) -> FloatRect:
    """Return the place of the image in the dialog, once it has its size."""
    image = page.locator(".stage img")
    expect(image).to_have_js_property("naturalWidth", 160)
    page.evaluate(PAINTED)  # else a touch may reach what was there before the dialog
    area = image.bounding_box()
    assert area
    return area


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the image of the dialog, from and to shares of it."""
    area = stage(page)
    for (x, y), act in ((start, page.mouse.down), (end, page.mouse.up)):
        page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"], steps=3)
        act()


def test_the_colour_of_this_and_the_shape_of_that(page: Page) -> None:
    page.locator(".card", has_text="Green Ring").locator(".like").click()
    expect(page.locator(".chip.reference")).to_have_count(1)
    body = after(page, way(page, "Green Bar", "Add to my search"))
    assert body["images"] == [{"item_id": "green-ring"}, {"item_id": "green-bar"}]
    expect(page.locator(".chip.reference")).to_have_count(2)
    page.get_by_role("button", name="Change the image: Green Bar").click()
    page.get_by_role("radio", name="more").check()
    body = after(page, page.get_by_role("button", name="Search with this").click)
    assert body["images"] == [{"item_id": "green-ring"}, {"item_id": "green-bar", "weight": 2}]
    assert page.url.endswith("/?item=green-ring&item=green-bar&weight=2")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/\?item=green-ring&item=green-bar$"))
    body = after(page, page.get_by_role("button", name="Remove the image: Green Ring").click)
    assert body["image"] == {"item_id": "green-bar"} and "images" not in body


def test_less_like_this_is_struck_through_and_can_be_turned(page: Page) -> None:
    find(page, "a red ball")
    expect(page.locator(".card h3").first).to_have_text("Red Ball")
    body = after(page, way(page, "Red Ball", "Less like this"))
    assert body["negative"] == [{"item_id": ODD}] and body["text"] == "a red ball"
    expect(page.locator(".chip.less s")).to_have_text("Red Ball")
    expect(page.locator(".card h3").first).not_to_have_text("Red Ball")
    assert page.url.endswith("/?less-item=odd%2F%C3%BC+%3F%23%26%252F..&but=a+red+ball")
    page.reload()
    page.get_by_role("button", name="Change the image: less like Red Ball").click()
    body = after(page, page.get_by_role("button", name="More like this").click)
    assert body["image"] == {"item_id": ODD} and "negative" not in body
    page.get_by_role("button", name="Remove: a red ball").click()
    page.get_by_role("button", name="Remove the image").click()
    expect(page.locator("#count")).to_have_text("A look around 30 products")


def test_a_part_of_the_image_is_drawn_moved_and_left(page: Page) -> None:
    visit(page, "/?item=red-tent&but=in+blue")
    page.get_by_role("button", name="Change the image: Red Tent").click()
    drag(page, (0.2, 0.3), (0.6, 0.7))
    drag(page, (0.4, 0.5), (0.6, 0.5))  # moves it
    drag(page, (0.8, 0.7), (0.9, 0.95))  # its corner
    body = after(page, page.get_by_role("button", name="Search with this").click)
    image = body["image"]
    assert isinstance(image, dict) and image["item_id"] == "red-tent"
    assert image["box"] == pytest.approx([0.4, 0.3, 0.9, 0.95], abs=0.01)
    assert re.search(r"item=red-tent&box=(39|40)\d_(29|30)\d_(89|90)\d_9\d\d&but", page.url)
    expect(page.locator(".chip.reference img.cut")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Change the image: Red Tent").click()
    right = page.get_by_label("Right edge")
    right.focus()
    right.press("Home")  # as far as it goes
    expect(right).to_have_attribute("aria-valuetext", "45 %")
    page.get_by_role("button", name="Whole picture").click()
    body = after(page, page.get_by_role("button", name="Search with this").click)
    assert body["image"] == {"item_id": "red-tent"} and "box" not in page.url
    page.get_by_role("button", name="Change the image: Red Tent").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_uploads_and_products_are_searched_together(page: Page, image_file: Draw) -> None:
    page.locator(".card", has_text="Green Ring").locator(".like").click()
    noisy = io.BytesIO()
    Image.effect_noise((375, 375), 90).save(noisy, "PNG")
    assert 134_000 < len(noisy.getvalue()) < 200_000  # three of them are more than the service takes
    after(page, lambda: page.evaluate(GIVE, [list(noisy.getvalue()), "drop"]))
    after(page, lambda: page.evaluate(GIVE, [list(noisy.getvalue()), "paste"]))
    body = after(page, lambda: page.evaluate(GIVE, [list(image_file()), "paste"]))
    images = body["images"]
    assert isinstance(images, list) and images[0] == {"item_id": "green-ring"} and len(images) == 4
    for image in images[1:]:
        assert len(base64.b64decode(image["base64"].partition(",")[2])) < 134_000
    page.evaluate(GIVE, [list(image_file("tent", "blue")), "paste"])
    expect(page.get_by_role("alert")).to_contain_text("room for 4 images")
    expect(page.locator(".chip.reference")).to_have_count(4)


def test_wishes_are_steps_and_words_may_count_more_than_the_picture(page: Page) -> None:
    visit(page, "/?item=green-ring&but=in+red")
    body = after(page, lambda: find(page, "larger"))
    assert body["steps"] == ["in red", "larger"] and "text" not in body and "text_weight" not in body
    expect(page.get_by_role("radio", name="Like the picture")).to_be_checked()
    body = after(page, page.get_by_role("radio", name="Like the words").check)
    assert body["text_weight"] == 0.7 and page.url.endswith("&words=0.7")
    expect(page.get_by_role("radio", name="Like the words")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("radio", name="Like the picture")).to_be_checked()
    page.get_by_role("button", name="Remove the image").click()
    expect(page.get_by_role("radio")).to_have_count(0)


@pytest.mark.parametrize(
    ("kind", "form", "text"),
    [
        ("paste", "text/plain", "https://shop.example/a.jpg"),
        ("drop", "text/uri-list", "https://shop.example/a.jpg"),
        ("drop", "text/html", '<a href="x"><img src="https://shop.example/a.jpg"></a>'),
    ],
)
def test_an_address_that_the_shop_does_not_fetch(page: Page, kind: str, form: str, text: str) -> None:
    find(page, "a red ball")
    page.evaluate(LINK, [kind, form, text])
    expect(page.get_by_role("alert")).to_contain_text("Save the image and drop it here")
    expect(page.locator(".chip.reference")).to_have_count(0)
    expect(page.locator(".card h3").first).to_have_text("Red Ball")
    assert page.url.endswith("/?but=a+red+ball")


def test_an_address_is_sent_as_it_is_and_one_of_a_product_is_the_product(page: Page) -> None:
    answer = {"hits": [], "took_ms": {"total": 1}, "notes": []}
    page.route("**/search", lambda route: route.fulfill(json=answer))
    body = after(page, lambda: page.evaluate(LINK, ["paste", "text/plain", " https://shop.example/a.jpg\n"]))
    assert body["image"] == {"url": "https://shop.example/a.jpg"}
    expect(page.locator(".chip.reference")).to_contain_text("shop.example")
    page.get_by_role("button", name="Change the image: shop.example").click()
    expect(page.get_by_role("dialog")).to_contain_text("another website")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove the image").click()
    address = page.locator(".card", has_text="Green Ring").locator("img").get_attribute("src")
    body = after(
        page,
        lambda: page.evaluate(
            LINK, ["drop", "text/uri-list", page.evaluate("(path) => new URL(path, location).href", address)]
        ),
    )
    assert body["image"] == {"item_id": "green-ring"}


def test_a_product_is_dragged_to_the_search_box(page: Page) -> None:
    frame = page.locator(".frame").nth(1)  # both are in view: a scroll would move the product from under the pointer
    id = frame.get_attribute("data-id")
    body = after(page, lambda: frame.locator("img").drag_to(page.locator("#composer")))
    assert body["image"] == {"item_id": id}
    expect(page.locator("#drop")).to_be_hidden()


def test_the_image_of_a_product_that_is_shown_is_the_one_that_is_searched(page: Page) -> None:
    hit = {"id": "green-ring", "attributes": {"title": "Green Ring"}, "image": 1, "score": 0.5, "chance": 0.9}
    page.route("**/search", lambda route: route.fulfill(json={"hits": [hit], "took_ms": {"total": 1}, "notes": []}))
    find(page, "from behind")
    body = after(page, page.locator(".card .like").click)
    assert body["image"] == {"item_id": "green-ring", "image": 1}
    assert page.url.endswith("/?item=green-ring&picture=1")


def test_a_photograph_that_the_browser_cannot_read(page: Page) -> None:
    page.evaluate(GIVE, [list(b"\0\0\0\x18ftypheic"), "drop", "image/heic"])
    expect(page.get_by_role("alert")).to_contain_text("HEIC")


@pytest.fixture(scope="module")
def phone(browser: Browser, served: str) -> Iterator[Page]:
    """A phone with a touch screen."""
    with browser.new_context(
        base_url=served, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


def test_the_box_takes_one_line_of_a_phone_while_scrolling(phone: Page) -> None:
    visit(phone, "/?item=red-tent&item=blue-ball&but=in+green&but=with+a+hole&but=larger")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.evaluate("window.scrollTo(0, 900)")
    expect(phone.locator("#composer")).to_have_class(re.compile("small"))
    box = phone.locator("#composer").bounding_box()
    assert box and box["height"] <= 60 and box["y"] >= 0
    assert phone.locator("#text").evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
    for target in phone.locator("#composer button:visible").all():
        size = target.bounding_box()
        assert size is None or min(size["width"], size["height"]) >= 40, target.get_attribute("aria-label")
    phone.evaluate("window.scrollTo(0, 0)")
    expect(phone.locator("#composer")).not_to_have_class(re.compile("small"))


def test_a_part_is_drawn_by_touch(phone: Page) -> None:
    visit(phone, "/?item=red-tent")
    phone.get_by_role("button", name="Change the image: Red Tent").tap()
    area = stage(phone)
    points = [
        {"x": area["x"] + share * area["width"], "y": area["y"] + share * area["height"]} for share in (0.25, 0.5, 0.75)
    ]
    session = phone.context.new_cdp_session(phone)
    strokes = (("touchStart", 0, 1), ("touchMove", 1, 2), ("touchMove", 2, 3), ("touchEnd", 3, 3))
    for _ in range(5):  # a browser that is kept waiting cancels a touch
        for type, first, end in strokes:
            session.send("Input.dispatchTouchEvent", {"type": type, "touchPoints": points[first:end]})
            phone.evaluate(PAINTED)
        if phone.locator(".box").evaluate("box => box.style.cssText.match(/\\d+/g).join()") == "25,25,50,50":
            break
        whole = phone.get_by_role("button", name="Whole picture")
        if whole.is_enabled():
            whole.click()
    body = after(phone, phone.get_by_role("button", name="Search with this").click)
    image = body["image"]
    assert isinstance(image, dict) and image["box"] == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.01)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_the_dialog_of_an_image_is_accessible(page: Page, language: str) -> None:
    visit(
        page,
        f"/?lang={language}&item=red-tent&box=200_200_800_800&item=blue-ball&weight=2&less-item=red-box&but=in+green",
    )
    page.locator(".chip.reference .face").first.click()
    expect(page.locator(".stage img")).to_have_js_property("complete", True)
    assert findings(page) == []
