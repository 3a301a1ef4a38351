"""Texts of pairs: the paper's prompt, the filter's verdict, and one more try that names the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.triplets.scripted import Answer, Asked, Script, says, serving
from training.triplets import texts
from training.triplets.config import EndpointReformulator, FilterConfig, TemplateReformulator
from training.triplets.store import Store
from training.triplets.texts import Attempt, CaptionPair, ReformulationTexts

pytestmark = pytest.mark.torch  # for tenacity, which the endpoint imports late

RULES = FilterConfig()


def pair(number: int) -> CaptionPair:
    return CaptionPair(f"p{number}", (f"a red coat {number}", f"a {{caption_a}} hat {number}"), ({}, {}))


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def written(
    script: Script, pairs: list[CaptionPair], *, stored: Store, rules: FilterConfig = RULES
) -> tuple[ReformulationTexts, list[Asked]]:
    with serving(script) as server:
        section = EndpointReformulator(kind="endpoint", url=server.url, model="m", tries=1)
        return texts.write(section, pairs, rules=rules, seed=0, stored=stored), server.asked


def test_the_captions_are_set_into_the_papers_prompt_as_they_are(stored: Store) -> None:
    found, asked = written(lambda number, one: says("Difference: a hat instead."), [pair(0)], stored=stored)
    assert asked[0].text == (
        "You have two captions for two images, image A and image B, you are supposed to write a reformulation text"
        " describing changing from image A to image B. caption A: a red coat 0 caption B: a {caption_a} hat 0 answer"
        " should be concise and within 12 words, only contain normal words, do not use special characters. Difference:"
    )
    assert found.accepted() == [Attempt(0, 0, "a hat instead.", "")] and found.rejected() == []


def test_a_rejected_answer_is_asked_for_once_more_and_told_why(stored: Store) -> None:
    long = " ".join(["word"] * 13)

    def script(number: int, asked: Asked) -> Answer:
        if "coat 1" in asked.text:
            return says("In green." if "not accepted" in asked.text else long)
        return says(long if "coat 2" in asked.text else "In blue.")

    found, asked = written(script, [pair(0), pair(1), pair(2)], stored=stored)
    assert [(one.pair, one.attempt, one.text) for one in found.accepted()] == [(0, 0, "In blue."), (1, 1, "In green.")]
    assert [(one.pair, one.attempt, one.reason) for one in found.rejected()] == [
        (1, 0, "too long"),
        (2, 0, "too long"),
        (2, 1, "too long"),
    ]
    assert found.report["rejected"] == {"too long": 3}
    again = [one.text for one in asked if "coat 1" in one.text][1]
    assert again.startswith("You have two captions") and f"Difference: {long}\n" in again and "too long" in again
    assert len(asked) == 5


def test_without_retries_nothing_is_asked_again(stored: Store) -> None:
    rules = FilterConfig(retries=0)
    found, asked = written(lambda number, one: says("for 5 €"), [pair(0)], stored=stored, rules=rules)
    assert len(asked) == 1 and [one.reason for one in found.rejected()] == ["special characters"]


def test_a_refusal_is_told_and_not_asked_again(stored: Store) -> None:
    found, asked = written(lambda number, one: Answer("too rude", 400), [pair(0)], stored=stored)
    assert len(asked) == 1 and found.rejected()[0].reason == "no answer: status 400: too rude"
    assert found.report["rejected"] == {"no answer": 1} and found.report["refused"] == 1


def test_a_copy_of_a_caption_is_rejected(stored: Store) -> None:
    found, _ = written(lambda number, one: says("A red coat 0."), [pair(0)], stored=stored)
    assert {one.reason for one in found.rejected()} == {"copy of a caption"}


def test_templates_need_no_model_and_say_the_same_for_the_same_seed(stored: Store) -> None:
    facts = [{"colour": colour, "sleeves": "long"} for colour in ("red", "blue", "green", "red")]
    pairs = [CaptionPair(f"p{n}", ("", ""), (facts[n], facts[n + 1])) for n in range(3)]
    pairs.append(CaptionPair("same", ("a coat", "a coat"), (facts[0], facts[3])))
    section = TemplateReformulator(kind="template")
    found = texts.write(section, pairs, rules=RULES, seed=1, stored=stored)
    assert [one.pair for one in found.accepted()] == [0, 1, 2]
    assert "blue" in found.accepted()[0].text and len(stored) == 0
    assert found.rejected()[0].reason.startswith("no answer: ")
    assert texts.write(section, pairs, rules=RULES, seed=1, stored=stored) == found
