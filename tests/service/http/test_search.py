"""POST /search, as JSON and as a form, and every way in which it refuses."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from models import preprocess
from models.bundle import SHIPPED
from models.encoder import Encoder
from service.schemas.search import SearchAnswer

Draw = Callable[..., bytes]


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def refused(answer: httpx.Response, status: int) -> dict[str, object]:
    """Return the problem of a refusal, after checking its members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = answer.json()
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and problem["type"]
    assert problem["instance"] == f"urn:likebut:request:{answer.headers['x-request-id']}"
    return problem


def test_a_text_finds_products_with_their_attributes_scores_and_times(client: httpx.Client) -> None:
    answer = client.post("/search", json={"text": "a red ball", "k": 7})
    body = answer.json()
    assert SearchAnswer.model_validate(body, strict=True, extra="forbid").model_dump() == body
    assert len(body["hits"]) == 7
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert set(body["hits"][0]) == {"id", "attributes", "image_url", "images", "image", "score", "chance", "matched"}
    assert body["hits"][0]["attributes"]["title"]
    assert {"wait", "decode", "encode", "search", "total"} == set(body["took_ms"])
    assert body["took_ms"]["total"] >= body["took_ms"]["encode"]
    assert "encode;dur=" in answer.headers["server-timing"]


def test_an_uploaded_image_finds_itself_first(client: httpx.Client, image_file: Draw) -> None:
    data = image_file("ring", "green")
    as_form = client.post("/search", files={"image": ("x.png", data, "image/png")}, data={"k": "3"})
    as_json = client.post("/search", json={"image": {"base64": base64.b64encode(data).decode()}, "k": 3})
    as_link = client.post(
        "/search", json={"image": {"base64": "data:image/png;base64," + base64.b64encode(data).decode()}, "k": 3}
    )
    lines = base64.encodebytes(data).decode().replace("\n", "\r\n")  # as the command `base64` writes it
    in_lines = client.post("/search", json={"image": {"base64": lines}, "k": 3})
    assert ids(in_lines) == ids(as_json)
    assert ids(as_form)[0] == "green-ring"
    assert as_form.json()["hits"][0]["score"] == pytest.approx(1, abs=0.002)
    assert ids(as_form) == ids(as_json) == ids(as_link)


def test_scores_are_those_of_the_encoder(client: httpx.Client, image_file: Draw) -> None:
    encoder = Encoder.open(SHIPPED)
    reference, target = (
        encoder.preprocess(image_file(shape, colour))[np.newaxis]
        for shape, colour in (("box", "blue"), ("box", "green"))
    )
    assert preprocess.decode(image_file()).size == (160, 160)
    query = encoder.queries(reference, ["in green"], text_weight=0.3)
    expected = float((query @ encoder.gallery(target).T).item())
    body = {"image": {"item_id": "blue-box"}, "text": "in green", "k": 40, "text_weight": 0.3}
    hits = client.post("/search", json=body).json()["hits"]
    (found,) = [hit for hit in hits if hit["id"] == "green-box"]
    assert found["score"] == pytest.approx(expected, abs=0.003)  # the gallery stores half precision


def test_the_reference_is_left_out_unless_it_is_wanted(client: httpx.Client) -> None:
    body = {"image": {"item_id": "red-box"}, "k": 40}
    without = ids(client.post("/search", json=body))
    within = ids(client.post("/search", json={**body, "exclude_reference": False}))
    assert "red-box" not in without and len(without) == 29
    assert within[0] == "red-box" and within[1:] == without


def test_named_ids_are_left_out(client: httpx.Client) -> None:
    first = ids(client.post("/search", json={"text": "ball", "k": 5}))
    rest = ids(client.post("/search", json={"text": "ball", "k": 3, "exclude_ids": [*first[:2], "not there"]}))
    assert rest == first[2:]


def test_a_form_takes_the_rest_as_json(client: httpx.Client, image_file: Draw) -> None:
    form = {"text": "in blue", "k": "4", "query": json.dumps({"text_weight": 0.9, "exclude_ids": ["blue-ball"]})}
    answer = client.post("/search", files={"image": image_file()}, data=form)
    as_json = client.post(
        "/search",
        json={
            "image": {"base64": base64.b64encode(image_file()).decode()}, "text": "in blue", "k": 4, "text_weight": 0.9,
            "exclude_ids": ["blue-ball"],
        },
    )  # fmt: skip
    assert len(ids(answer)) == 4 and "blue-ball" not in ids(answer)
    assert answer.json()["hits"] == as_json.json()["hits"]
    by_item = client.post("/search", files={"query": (None, json.dumps({"image": {"item_id": "red-box"}}))})
    assert "red-box" not in ids(by_item)


def test_truncated_text_and_ignored_fields_are_noted(client: httpx.Client) -> None:
    long = client.post("/search", json={"text": "stripes " * 60})
    assert "the text was cut" in long.json()["notes"][0]
    alone = client.post("/search", json={"text": "ball", "text_weight": 0.2})
    assert "text_weight was ignored" in alone.json()["notes"][0]


def test_a_shopper_is_told_how_a_misspelt_text_was_read(client: httpx.Client) -> None:
    misspelt, spelt = (client.post("/search", json={"text": f"{word} dress, blue"}) for word in ("strpied", "striped"))
    assert misspelt.json()["notes"] == ["the text was read as: striped dress, blue"] and not spelt.json()["notes"]
    assert ids(misspelt) == ids(spelt)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "JSON"),
        (b"", 400, "JSON"),
        (b'{"text": "\xff"}', 400, "UTF-8"),
        (b"[" * 5000, 400, "JSON"),
        (b"[]", 422, "object"),
        (b"{}", 422, "an image"),
        (b'{"text": "   "}', 422, "an image"),
        (b'{"image": {}, "text": "x"}', 422, "one of"),
        (b'{"image": {"base64": "", "item_id": "red-box"}}', 422, "one of"),
        (b'{"image": {"url": "http://127.0.0.1/x.png"}}', 422, "URL"),
        (b'{"image": {"base64": "?!?!"}}', 400, "base64"),
        ('{"image": {"base64": "bm8gc\u00e9"}}'.encode(), 400, "base64"),
        (b'{"image": {"base64": ""}}', 422, "empty"),
        (b'{"image": {"base64": "bm8gcGljdHVyZQ=="}}', 415, ""),
        (b'{"image": {"item_id": "nobody"}}', 404, "nobody"),
        (b'{"text": "ball", "k": 0}', 422, "k: "),
        (b'{"text": "ball", "k": 201}', 422, "200"),
        (b'{"text": "ball", "k": 2.5}', 422, "k: "),
        (b'{"text": "ball", "k": "3"}', 422, "k: "),
        (b'{"text": "ball", "text_weight": 1.5}', 422, "text_weight: "),
        (b'{"text": "ball", "colour": "red"}', 422, "colour: "),
        (b'{"text": 7}', 422, "text: "),
        (b'{"text": "' + b"a" * 501 + b'"}', 422, "501"),
    ],
)  # fmt: skip
def test_a_bad_body_gets_its_own_answer(client: httpx.Client, body: bytes, status: int, said: str) -> None:
    answer = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert said in str(refused(answer, status)["detail"])


def test_every_invalid_field_is_named(client: httpx.Client) -> None:
    problem = refused(client.post("/search", json={"text": "x", "k": 0, "text_weight": 2, "foo": 1}), 422)
    fields = problem["errors"]
    assert isinstance(fields, list)
    assert {field["field"] for field in fields} == {"k", "text_weight", "foo"}


@pytest.mark.parametrize(
    ("cut", "status"),
    [(slice(0, 0), 422), (slice(0, 200), 422), (slice(0, 12), 415), (slice(8, None), 415)],
)
def test_a_truncated_image_file_is_refused(client: httpx.Client, image_file: Draw, cut: slice, status: int) -> None:
    problem = refused(client.post("/search", files={"image": ("x.png", image_file()[cut], "image/png")}), status)
    assert "image" in str(problem["detail"])


def test_too_many_bytes_or_pixels_are_refused(client: httpx.Client, image_file: Draw) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8).tobytes()
    assert "bytes" in str(refused(client.post("/search", files={"image": noise}), 413)["detail"])
    slightly = noise[:400_001]
    assert "400001" in str(refused(client.post("/search", files={"image": slightly}), 413)["detail"])
    blank = image_file(side=7200)  # few bytes, more pixels than allowed
    assert len(blank) < 400_000
    assert "pixels" in str(refused(client.post("/search", files={"image": blank}), 413)["detail"])


def test_a_body_without_a_length_is_stopped_while_it_is_read(client: httpx.Client) -> None:
    chunks = (b" " * 65536 for _ in range(40))
    answer = client.post("/search", content=chunks, headers={"Content-Type": "application/json"})
    refused(answer, 413)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"data": {"nonsense": "x"}, "files": {"image": b""}}, 422),
        ({"data": {"k": "many"}, "files": {"text": (None, "ball")}}, 422),
        ({"data": {"k": "-"}, "files": {"text": (None, "ball")}}, 422),
        ({"data": {"k": "9999999999"}, "files": {"text": (None, "ball")}}, 422),
        ({"data": {"query": "{"}, "files": {"text": (None, "ball")}}, 400),
        ({"data": {"query": '{"text": "box"}'}, "files": {"text": (None, "ball")}}, 422),
        ({"data": {"query": '{"image": {"base64": ""}}'}, "files": {"text": (None, "ball")}}, 422),
        ({"files": {"picture": b"x"}}, 422),
        ({"files": [("image", b"x"), ("image", b"x")]}, 422),
        ({"files": [("text", (None, "ball")), ("text", (None, "box"))]}, 422),
        ({"files": {"text": (None, b"\xff")}}, 400),
        ({"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"text=ball", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"content": b"ball"}, 415),
    ],
)  # fmt: skip
def test_a_bad_form_gets_its_own_answer(client: httpx.Client, form: dict[str, Any], status: int) -> None:
    refused(client.request("POST", "/search", **form), status)


def test_a_k_below_one_is_refused_in_a_form_as_in_json(client: httpx.Client) -> None:
    answers = [client.post("/search", json={"text": "ball", "k": k}) for k in (0, -1)]
    answers += [client.post("/search", files={"text": (None, "ball")}, data={"k": k}) for k in ("0", "-1")]
    problems = [refused(answer, 422) for answer in answers]
    assert len({str(problem["detail"]) for problem in problems}) == 1


def test_an_attribute_without_a_value_is_left_out(client: httpx.Client) -> None:
    query = {"text": "ball", "k": 30}
    answers = (client.post("/search", json=query).json()["hits"], client.get("/browse?limit=200").json()["items"])
    for items in answers:
        bare = {item["id"]: "brand" not in item["attributes"] for item in items}
        assert bare == {id: id != "red-box" for id in bare} and len(bare) == 30
    assert client.get("/items/red-box").json()["attributes"]["brand"] == "Acme"
    assert "brand" not in client.get("/items/blue-box").json()["attributes"]


def test_unknown_paths_and_methods_are_problems(client: httpx.Client) -> None:
    refused(client.get("/nowhere"), 404)
    refused(client.get("/web/nothing.js"), 404)
    refused(client.get("/items/nobody"), 404)
    refused(client.get("/images/nobody"), 404)
    refused(client.get("/images/../../../../etc/passwd"), 404)
    refused(client.get("/index/jobs/none"), 404)
    assert refused(client.get("/search"), 405) and client.get("/search").headers["allow"] == "POST"
    for path, allowed in (("/items/red-box", "DELETE, GET, HEAD, PATCH, PUT"), ("/index", "GET, HEAD, POST")):
        assert refused(client.request("TRACE", path), 405) and client.request("TRACE", path).headers["allow"] == allowed
    assert refused(client.post("/search/", json={"text": "ball"}), 404)
    refused(client.get("/browse?limit=9999"), 422)
    refused(client.get("/images/red-box?size=1"), 422)


def test_an_item_with_an_unusual_id_and_its_image_are_served(client: httpx.Client, image_file: Draw) -> None:
    hits = client.post("/search", files={"image": image_file("ball", "red")}, data={"k": "1"}).json()["hits"]
    assert hits[0]["id"] == "odd/ü ?#&%2F.."
    image = client.get(hits[0]["image_url"])
    assert image.headers["content-type"] == "image/png" and image.content == image_file("ball", "red")
    assert image.headers["x-content-type-options"] == "nosniff"
    again = client.get(hits[0]["image_url"], headers={"If-None-Match": image.headers["etag"]})
    assert again.status_code == 304 and not again.content
    small = client.get(hits[0]["image_url"] + "?size=64")
    assert small.headers["content-type"] == "image/jpeg" and max(preprocess.decode(small.content).size) == 64
    item = client.get(hits[0]["image_url"].replace("/images/", "/items/")).json()
    assert item["attributes"]["title"] == "Red Ball" and item["attributes"]["in_stock"] is False
    assert len(ids(client.post("/search", json={"image": {"item_id": item["id"]}, "k": 40}))) == 29


def test_browsing_shows_every_item_once(client: httpx.Client) -> None:
    pages = [client.get("/browse", params={"offset": offset, "limit": 12}).json() for offset in (0, 12, 24, 36)]
    assert [len(page["items"]) for page in pages] == [12, 12, 6, 0]
    found = [item["id"] for page in pages for item in page["items"]]
    assert len(set(found)) == 30 == pages[0]["total"]
    assert client.get("/browse", params={"limit": 12}).json() == pages[0]
    assert len({item["attributes"]["category"] for item in pages[0]["items"][:6]}) >= 3


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/web/page.js", "/livez", "/readyz", "/metrics", "/index", "/browse", "/items/red-box",
             "/images/red-box", "/images/red-box?size=64", "/openapi.json", "/nowhere"],
)  # fmt: skip
def test_head_answers_as_get_does_but_without_the_body(client: httpx.Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code and head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"] and int(head.headers["content-length"]) > 0
    assert client.head("/search").status_code == 405


def test_the_limits_are_returned(client: httpx.Client) -> None:
    limits = client.get("/limits").json()
    assert (limits["max_k"], limits["max_image_bytes"], limits["max_text_chars"]) == (200, 400_000, 500)


def test_only_the_first_of_many_errors_are_listed(client: httpx.Client) -> None:
    few = client.post("/search", json={"text": "x", **{f"k{number}": 1 for number in range(60)}})
    assert few.status_code == 422
    assert [error["field"] for error in few.json()["errors"]] == [f"k{number}" for number in range(20)]
    many = client.post("/search", json={"text": "x", **{f"k{number}": 1 for number in range(5000)}})
    assert many.status_code == 422 and "5000" in many.json()["detail"] and "errors" not in many.json()


def test_the_maximum_number_of_ids_is_accepted(client: httpx.Client) -> None:
    asked = {"text": "ball", "exclude_ids": ["a:b,c" * 4] * 1000, "pinned_ids": ["a:b,c" * 4] * 100}
    assert client.post("/search", json=asked).status_code == 200
