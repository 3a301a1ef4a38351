"""The page says to an operator, not to shoppers, that the images are unlike those that the model knows."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from index.__main__ import main
from models import bundle
from models.bundle import KNOWN_IMAGES, SHIPPED, Bundle, KnownImages
from service.auth import keys
from tests.service.auth.conftest import bearer
from tests.service.web.conftest import findings

Serve = Callable[..., AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Outside:
    """A shop of images unlike those that its model knows; shoppers need no key."""

    address: str
    operator: str  # key with the role admin
    shopper: str  # key with the role search


@pytest.fixture(scope="module")
def outside(shop: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    shipped = Bundle.open(SHIPPED)
    far = KnownImages(np.eye(2, shipped.manifest.dimension, dtype=np.float32), least=1.0)
    contents: dict[str, bundle.Content] = {name: shipped.file(name) for name in shipped.manifest.files}
    bundle.write(folder / "bundle", {**contents, KNOWN_IMAGES: far.encoded()}, shipped.manifest)
    words = ["--gallery", str(folder / "gallery"), "--bundle", str(folder / "bundle")]
    assert main(["build", str(shop), *words, "--progress", "none"]) == 0
    ring = folder / "keys.jsonl"
    operator = keys.add(ring, name="ops", role="admin", rate_per_s=None, burst=None)
    shopper = keys.add(ring, name="shop", role="search", rate_per_s=None, burst=None)
    with serve(*words, "--keys", ring, "--public-rate-per-s", "1000", "--burst", "1000") as address:
        yield Outside(address, operator, shopper)


def opened(browser: Browser, outside: Outside, key: str = "", *, width: int = 1280, address: str = "/") -> Page:
    """Open the page in a tab that has this key."""
    context = browser.new_context(base_url=outside.address, viewport={"width": width, "height": 800})
    context.set_default_timeout(10_000)
    if key:
        context.add_init_script(f"sessionStorage.setItem('likebut:key', {key!r})")
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".card .frame").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    return page


def test_who_may_use_the_routes_of_an_operator_is_told_by_the_shop(outside: Outside) -> None:
    with httpx.Client(base_url=outside.address) as client:
        for key, expected in ((outside.operator, True), (outside.shopper, False), ("likebut_wrong", False)):
            assert client.get("/storefront", headers=bearer(key)).json()["operator"] is expected
        assert client.get("/storefront").json()["operator"] is False
        unlike = client.get("/index", headers=bearer(outside.operator)).json()["unlike"]
    assert unlike["share"] == 1.0 and unlike["many"] is True
    assert all(command in unlike["advice"] for command in unlike["commands"]) and len(unlike["commands"]) == 2


@pytest.mark.parametrize("width", [1280, 360])
def test_an_operator_reads_the_share_and_the_commands(browser: Browser, outside: Outside, width: int) -> None:
    page = opened(browser, outside, outside.operator, width=width)
    remark = page.get_by_role("complementary", name="For the operator of the shop")
    expect(remark).to_contain_text("100% of the images are unlike those that the model knows")
    expect(remark.locator("pre").first).to_be_hidden()
    remark.locator("summary").click()
    expect(remark.locator("pre")).to_have_count(3)
    expect(remark).to_contain_text("likebut export --model")
    expect(remark).to_contain_text("30 images")
    expect(remark.locator("pre").last).to_contain_text(f"curl {outside.address}/index -H")
    assert outside.operator not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page) == []
    remark.get_by_role("button", name="Hide in this tab").click()
    expect(remark).to_be_hidden()
    page.reload()
    expect(page.locator(".card .frame").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#operator")).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("role", ["public", "shopper"])
def test_a_shopper_neither_reads_nor_asks_for_it(browser: Browser, outside: Outside, role: str) -> None:
    context = browser.new_context(base_url=outside.address)
    if role == "shopper":
        context.add_init_script(f"sessionStorage.setItem('likebut:key', {outside.shopper!r})")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    expect(page.locator(".card .frame").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#operator")).to_be_hidden()
    assert f"{outside.address}/storefront" in asked and f"{outside.address}/index" not in asked
    context.close()


def test_the_remark_is_in_the_language_of_the_page(browser: Browser, outside: Outside) -> None:
    page = opened(browser, outside, outside.operator, address="/?lang=de")
    expect(page.locator("#operator summary")).to_contain_text("100\u00a0% der Bilder sind anders")
    page.context.close()
