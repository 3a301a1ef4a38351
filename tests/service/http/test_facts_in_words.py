"""Facts in the words over HTTP: filters and orders made of phrases, shown in the answer, and taken back on request."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from models.bundle import SHIPPED
from service.settings import Settings
from tests.service.conftest import Scenario

Result = TypeVar("Result")
Inside = Callable[[Settings, Scenario[Result]], Result]


def searched(client: httpx.Client, **fields: object) -> dict[str, Any]:
    answer = client.post("/search", json={"k": 30, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def prices(answer: dict[str, Any]) -> list[float]:
    return [hit["attributes"]["price"] for hit in answer["hits"]]


def test_a_price_becomes_a_filter_that_the_answer_names(client: httpx.Client) -> None:
    answer = searched(client, text="a blue ring under 20 and in stock", filter={"price": {"gte": 5}})
    assert answer["understood"] == [
        {"text": "under 20", "start": 12, "end": 20, "step": None, "filter": {"price": {"lt": 20}}, "sort": None},
        {"text": "in stock", "start": 25, "end": 33, "step": None, "filter": {"in_stock": True}, "sort": None},
    ]
    assert answer["total"] == len(answer["hits"]) and all(5 <= price < 20 for price in prices(answer))
    assert all(hit["attributes"]["in_stock"] for hit in answer["hits"])
    assert answer["hits"][0]["id"] == "blue-ring"


def test_literal_phrases_and_texts_without_facts_stay_words(client: httpx.Client) -> None:
    assert searched(client, text="ring under 20", literal=["Under 20"])["understood"] == []
    answer = searched(client, text="ring under 20", facts=False)
    assert answer["understood"] == [] and answer["total"] == 30


def test_steps_say_which_of_them_states_a_fact(client: httpx.Client) -> None:
    answer = searched(client, image={"item_id": "red-box"}, steps=["in blue", "cheaper", " not from acme"])
    assert [(each["step"], each["start"], each["text"]) for each in answer["understood"]] == [
        (1, 0, "cheaper"), (2, 1, "not from acme"),
    ]  # fmt: skip
    assert all(price < 5.5 for price in prices(answer))


def test_a_comparison_without_a_price_is_left_and_said(client: httpx.Client) -> None:
    answer = searched(client, text="a cheaper ring")
    assert answer["understood"] == [] and len(answer["notes"]) == 1
    assert searched(client, text="a cheaper ring", literal=["cheaper"])["notes"] == []


def test_facts_alone_list_the_items(client: httpx.Client) -> None:
    answer = searched(client, text="the cheapest, in stock", facets=["category"], fields=["price"], k=10, offset=5)
    assert prices(answer) == sorted(prices(answer)) and len(answer["hits"]) == 10 and answer["total"] == 20
    assert answer["facets"]["category"] and {hit["score"] for hit in answer["hits"]} == {0.0}
    assert client.post("/search", json={"text": "under 20", "k": 10**6}).status_code == 422
    nothing = searched(client, text="from Acme over 20")
    assert nothing["hits"] == [] and nothing["total"] == 0


def test_facts_beside_an_image_leave_an_image_search(client: httpx.Client) -> None:
    answer = searched(client, image={"item_id": "red-box"}, text="under 20")
    assert answer["hits"] and answer["hits"][0]["chance"] is None and max(prices(answer)) < 20


def test_several_searches_read_facts_each_for_itself(client: httpx.Client) -> None:
    body = {"searches": [{"text": "ring under 20"}, {"text": "ring"}]}
    first, second = client.post("/searches", json=body).json()["answers"]
    assert [each["text"] for each in first["understood"]] == ["under 20"] and second["understood"] == []


def test_a_new_brand_is_known_at_once(inside: Inside[None], gallery: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(gallery, tmp_path / "gallery")

    async def scenario(client: httpx.AsyncClient, _: FastAPI) -> None:
        async def total(text: str) -> int:
            found: int = (await client.post("/search", json={"text": text})).json()["total"]
            return found

        assert await total("from Quaxél") == 30
        changed = await client.patch("/items/blue-bar", json={"attributes": {"brand": "Quaxel"}})
        assert changed.status_code == 200
        assert await total("from Quaxél") == 1
        suggested = (await client.get("/suggestions", params={"q": "qua"})).json()["suggestions"]
        assert suggested[0] == {"text": "Quaxel", "attribute": "brand", "count": 1}

    inside(Settings(bundle=SHIPPED, gallery=copy), scenario)


def test_suggestions_complete_words_that_items_have(client: httpx.Client) -> None:
    def texts(**parameters: str | int) -> list[str]:
        answer = client.get("/suggestions", params=parameters)
        assert answer.status_code == 200, answer.text
        return [each["text"] for each in answer.json()["suggestions"]]

    assert texts(q="blue ri") == ["Blue Ring"] == texts(q="bleu ri", limit=1)
    assert "ring" in texts(q="ri") and texts(q="zzz") == []
    assert len(texts()) == 7 and len(texts(limit=3)) == 3
    assert client.get("/suggestions", params={"limit": 21}).status_code == 422


def test_the_cheapest_beside_an_image_is_one_of_the_first_hits(client: httpx.Client) -> None:
    answer = searched(client, image={"item_id": "red-box"}, text="the cheapest, in blue")
    assert len(answer["hits"]) > 5 and prices(answer) == sorted(prices(answer))
    own = searched(client, text="the cheapest ring", sort=[{"attribute": "price", "order": "desc"}])
    assert prices(own) == sorted(prices(own), reverse=True) and own["understood"]
