"""The texts of the page: complete in each language, used by the page, and all of them said through the message file."""

import json
import re

import pytest
from playwright.sync_api import Browser, expect

from service.http.state import WEB

Text = str | dict[str, str]
MESSAGES: dict[str, dict[str, Text]] = json.loads((WEB / "messages.json").read_text(encoding="utf-8"))
COMPUTED = ("stage_", "attribute_", "theme_")  # keys that the code puts together
LANGUAGES = ("en", "de", "fr", "es")
CODE = {
    str(path.relative_to(WEB)): path.read_text(encoding="utf-8")
    for path in WEB.rglob("*")
    if path.suffix in (".js", ".html")
}


def forms(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def test_each_text_is_there_in_each_language_with_the_same_values() -> None:
    for key, texts in MESSAGES.items():
        assert tuple(texts) == LANGUAGES, key
        assert len({isinstance(text, str) for text in texts.values()}) == 1, key
        names = [set(re.findall(r"\{\w+\}", " ".join(forms(text)))) for text in texts.values()]
        stars = {form.count("*") for text in texts.values() for form in forms(text)}
        assert all(each == names[0] for each in names) and len(stars) == 1, key
        for text in texts.values():
            assert isinstance(text, str) or "other" in text, key


def test_each_text_is_used_and_each_used_text_is_there() -> None:
    code = "\n".join(CODE.values())
    used = set(re.findall(r'\b(?:t|nodes|failure)\("(\w+)"', code)) | set(
        re.findall(r'data-t(?:-[\w-]+)?="(\w+)"', code)
    )
    assert used - set(MESSAGES) == set()
    assert [key for key in MESSAGES if key not in code and not key.startswith(COMPUTED)] == []


def test_the_texts_in_the_page_are_the_english_ones() -> None:
    html = CODE["index.html"]
    for key, body in re.findall(r'data-t="(\w+)"[^>]*>(.*?)</(?:a|h1|h2|p|button|span)>', html):
        assert re.sub(r"</?em>", "*", body) == MESSAGES[key]["en"], key
    for attribute, key, value in re.findall(r'data-t-([\w-]+)="(\w+)" ([\w-]+="[^"]*")', html):
        assert value == f'{attribute}="{MESSAGES[key]["en"]}"', key


@pytest.mark.parametrize("language", ["de", "es"])
def test_the_page_speaks_the_language_of_the_browser(browser: Browser, served: str, language: str) -> None:
    def count(language: str) -> str:
        text = MESSAGES["count_browse"][language]
        assert isinstance(text, dict)
        return text["other"].replace("{count}", "30")

    with browser.new_context(base_url=served, locale=f"{language}-XX") as context:
        page = context.new_page()
        page.goto("/")
        expect(page.locator("#count")).to_have_text(count(language))
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.goto("/?lang=fr")
        expect(page.locator("#count")).to_have_text(count("fr"))
        expect(page.locator("h1")).to_have_text(str(MESSAGES["headline"]["fr"]).replace("*", ""))
