"""The fields of a search that order and limit its results, over HTTP."""

from typing import Any

import httpx
import pytest


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


def test_facets_have_limits_of_their_own_and_ranges_of_numbers(client: httpx.Client) -> None:
    facets = ["colour", {"name": "category", "limit": 2}, {"name": "price", "limit": 500}, "in_stock"]
    answer = search(client, facets=facets, filter={"category": ["box", "tent", "ring"], "price": {"lt": 12}}, k=1)
    assert [len(answer["facets"][name]) for name in ("colour", "category", "price", "in_stock")] == [5, 2, 7, 2]
    prices = [entry["value"] for entry in answer["facets"]["price"]]
    assert answer["ranges"] == {"price": {"min": min(prices), "max": max(prices)}}
    searches = [{"text": "box", "facets": [{"name": "title", "limit": limit}]} for limit in (1, 30, 3)]
    answers = client.post("/searches", json={"searches": searches}).json()["answers"]
    assert [len(answer["facets"]["title"]) for answer in answers] == [1, 30, 3]
    assert answers[2]["facets"]["title"] == answers[1]["facets"]["title"][:3]
    for facet in ({"name": "price", "limit": 1001}, {"name": "price", "limit": 0}, {"limit": 3}, 7):
        refused = client.post("/search", json={"text": "box", "facets": [facet]})
        assert refused.status_code == 422 and refused.json()["errors"][0]["field"].startswith("facets")


def test_facets_may_count_the_hits_alone(client: httpx.Client) -> None:
    fields: dict[str, object] = {"facets": ["category", "price"], "facet_scope": "hits"}
    some = search(client, **fields, window=7)
    assert len(some["hits"]) == 7 and sum(entry["count"] for entry in some["facets"]["category"]) == 7
    assert some["ranges"]["price"]["max"] == max(values(some, "price"))
    words = search(client, **fields, text="red box", min_chance=0.99)
    assert words["matches"] == len(words["hits"]) and "red-box" in [hit["id"] for hit in words["hits"]]
    assert sum(entry["count"] for entry in words["facets"]["category"]) == words["matches"]
    empty = search(client, **fields, text="asdkjh", min_score=0.999)
    assert (empty["matches"], empty["facets"], empty["ranges"]) == (0, {"category": [], "price": []}, {})


def test_browsing_filters_sorts_and_counts(client: httpx.Client) -> None:
    parameters = {
        "filter": '{"category": ["box", "tent"]}',
        "sort": '[{"attribute": "price", "order": "desc"}]',
        "last": '{"in_stock": false}',
        "facets": '["category", {"name": "colour", "limit": 2}, "price"]',
        "limit": "8",
    }
    page = client.get("/browse", params=parameters).json()
    shown = [(item["attributes"]["in_stock"], item["attributes"]["price"]) for item in page["items"]]
    assert page["total"] == 10 and len(shown) == 8 and shown == sorted(shown, reverse=True)
    assert [len(page["facets"][name]) for name in ("category", "colour")] == [2, 2]
    assert list(page["ranges"]) == ["price"]
    for name, value in (
        ("sort", "["),
        ("sort", '[{"attribute": "unknown"}]'),
        ("last", "7"),
        ("facets", '[{"name": 1}]'),
    ):
        assert client.get("/browse", params={name: value}).status_code == 422, value
    listed = client.get("/attributes").json()
    category = {"name": "category", "type": "text", "values": 6, "items": 30}
    assert listed["total"] == 30 and category in listed["attributes"]


@pytest.mark.parametrize(
    ("path", "body", "field", "meant"),
    [
        ("/search", {"query": "a red dress"}, "query", "text"),
        ("/search", {"text": "box", "Limit": 5}, "Limit", "k"),
        ("/search", {"text": "box", "filters": {}}, "filters", "filter"),
        ("/search", {"text": "box", "exclude_id": ["a"]}, "exclude_id", "exclude_ids"),
        ("/search", {"image": {"id": "red-box"}}, "image.id", "item_id"),
        ("/search", {"text": "box", "sort": [{"attribute_name": "price"}]}, "attribute_name", "attribute"),
        ("/search", {"text": "box", "facets": [{"name": "price", "size": 3}]}, "size", ""),
        ("/search", {"text": "box", "zzzz": 3}, "zzzz", ""),
        ("/items/red-box", {"attribute_map": {}}, "attribute_map", "attributes"),
        ("/items/red-box", {"price": 3}, "price", "attributes"),
        ("/index", {"sources": "a.csv"}, "sources", "source"),
    ],
)
def test_a_slip_is_named_with_the_field_that_was_meant(
    client: httpx.Client, path: str, body: dict[str, object], field: str, meant: str
) -> None:
    method = "PUT" if path.startswith("/items") else "POST"
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422
    errors = [error for error in answer.json()["errors"] if error["field"].endswith(field)]
    assert errors and meant in errors[0]["detail"].split() + errors[0]["detail"].rstrip("?").split() + [""], errors


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
