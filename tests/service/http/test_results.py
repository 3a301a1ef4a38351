"""The fields of a search that order and limit its results, over HTTP."""

from typing import Any

import httpx


def search(client: httpx.Client, **fields: object) -> dict[str, Any]:
    answer = client.post("/search", json={"text": "a red box", "k": 30, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def values(answer: dict[str, Any], name: str) -> list[Any]:
    return [hit["attributes"].get(name) for hit in answer["hits"]]


def test_hits_are_sorted_and_sold_out_ones_come_last(client: httpx.Client) -> None:
    prices = values(search(client, sort=[{"attribute": "price"}]), "price")
    assert len(prices) == 30 and prices == sorted(prices)
    downwards = values(search(client, sort=[{"attribute": "price", "order": "desc"}]), "price")
    assert downwards == prices[::-1]
    stock = values(search(client, last={"in_stock": False}), "in_stock")
    assert stock == [True] * 20 + [False] * 10
    both = search(client, sort=[{"attribute": "category"}, "score"], last={"in_stock": False}, window=12)
    assert len(both["hits"]) == 12
    plain = [hit["id"] for hit in search(client, k=12)["hits"]]
    assert {hit["id"] for hit in both["hits"]} == set(plain)


def test_a_least_chance_leaves_an_honest_empty_result(client: httpx.Client) -> None:
    everything = search(client)
    chances = [hit["chance"] for hit in everything["hits"]]
    assert everything["matches"] is None and all(isinstance(chance, float) for chance in chances)
    middle = sorted(chance for chance in chances if isinstance(chance, float))[15]
    some = search(client, min_chance=middle + 1e-4)
    assert some["matches"] == len(some["hits"]) < 30
    assert all(hit["chance"] >= middle for hit in some["hits"])
    none = search(client, min_score=0.999)
    assert (none["hits"], none["matches"], len(none["notes"])) == ([], 0, 1)
    image = client.post("/search", json={"image": {"item_id": "red-box"}, "min_chance": 0.5}).json()
    assert image["matches"] is None and "min_chance" in image["notes"][0]


def test_only_named_attributes_are_returned(client: httpx.Client) -> None:
    assert all(list(hit["attributes"]) == ["title"] for hit in search(client, fields=["title"])["hits"])
    assert all(hit["attributes"] == {} for hit in search(client, fields=[])["hits"])


def test_an_impossible_order_names_its_field(client: httpx.Client) -> None:
    for fields, word in (
        ({"sort": [{"attribute": "colors"}]}, "colors"),
        ({"sort": [{"attribute": "price", "order": "up"}]}, "sort"),
        ({"sort": ["price"]}, "sort"),
        ({"last": {"sold": True}}, "sold"),
        ({"last": {"price": {"near": 1}}}, "near"),
        ({"min_chance": 1}, "min_chance"),
        ({"window": 1001}, "window"),
        ({"fields": ["colors"]}, "colors"),
    ):
        answer = client.post("/search", json={"text": "a red box", **fields})
        assert answer.status_code == 422, fields
        assert word in answer.text, answer.text
