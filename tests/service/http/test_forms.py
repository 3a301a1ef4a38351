"""Forms as browsers and HTTP clients send them: each gets the answer of the same search as JSON."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.errors import BadRequest, Unusable
from service.http import multipart

Draw = Callable[..., bytes]
TYPE = "multipart/form-data; boundary=X"
END = b"--X--\r\n"


def part(name: str, value: bytes, *, more: str = "", **headers: str) -> bytes:
    """Return one part; `more` follows the name, and headers have underscores for hyphens."""
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    lines = [head, *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items())]
    return b"--X\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


NO_FILE = part("image", b"", more='; filename=""', Content_Type="application/octet-stream")


def read(*parts: bytes, content_type: str = TYPE) -> multipart.Form:
    """Return the form of these parts."""
    return multipart.parse(b"".join(parts) + END, content_type=content_type)


@pytest.fixture(scope="module")
def as_json(client: httpx.Client, image_file: Draw) -> Callable[..., list[object]]:
    """Return a function that gives the hits of a search by JSON, with a drawn image if told."""

    def hits(*, image: bool = False, **members: object) -> list[object]:
        body = {**members, **({"image": {"base64": base64.b64encode(image_file()).decode()}} if image else {})}
        answer: list[object] = client.post("/search", json=body).json()["hits"]
        return answer

    return hits


def posted(client: httpx.Client, *parts: bytes, content_type: str = TYPE) -> list[object]:
    """Return the hits of a search by a form of these parts."""
    answer = client.post("/search", content=b"".join(parts) + END, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text
    hits: list[object] = answer.json()["hits"]
    return hits


def test_an_empty_file_input_is_no_image(client: httpx.Client, as_json: Callable[..., list[object]]) -> None:
    wanted = as_json(text="red ball", k=3)
    text, k = part("text", b"red ball"), part("k", b"3")
    assert posted(client, text, NO_FILE, k) == wanted
    assert posted(client, part("image", b""), k, text) == wanted
    assert posted(client, NO_FILE, NO_FILE, text, k, part("query", b"")) == wanted


def test_an_empty_file_input_beside_a_chosen_one(
    client: httpx.Client, image_file: Draw, as_json: Callable[..., list[object]]
) -> None:
    chosen = part("image", image_file(), more='; filename="ball.png"', Content_Type="image/png")
    assert posted(client, NO_FILE, chosen) == as_json(image=True)


def test_text_parts_may_be_blobs(client: httpx.Client, image_file: Draw, as_json: Callable[..., list[object]]) -> None:
    blob = '; filename="blob"'
    query = part("query", b'{"k": 4, "exclude_ids": ["blue-ball"]}', more=blob, Content_Type="application/json")
    text = part("text", b"in blue", more=blob, Content_Type="text/plain;charset=UTF-8")
    image = part("image", image_file(), Content_Type="image/png", Content_Length=str(len(image_file())))
    assert posted(client, query, text, image) == as_json(image=True, text="in blue", k=4, exclude_ids=["blue-ball"])


@pytest.mark.parametrize(
    "image",
    [{"more": ""}, {"Content_Type": "application/octet-stream"}, {"Content_Type": "text/plain"},
     {"content_transfer_encoding": "binary"}, {"more": '; filename="C:\\\\shop\\\\ball.png"'},
     {"more": "; filename*=UTF-8''b%C3%A4ll.png", "Content_Type": "image/png"}],
)  # fmt: skip
def test_an_image_is_known_by_the_name_of_its_part(
    client: httpx.Client, image_file: Draw, as_json: Callable[..., list[object]], image: dict[str, str]
) -> None:
    more = image.pop("more", "")
    assert posted(client, part("image", image_file(), more=more, **image)) == as_json(image=True)


@pytest.mark.parametrize(
    ("send", "members"),
    [
        ({"files": {"text": "red ball", "k": "3"}}, {}),  # requests with files only: each text has a file name
        ({"files": {"text": (None, "red ball"), "k": (None, "3")}}, {}),
        ({"files": {"query": ("blob", b'{"text": "red ball", "k": 3}', "application/json")}}, {}),
        ({"files": {"text": (None, "red ball")}, "data": {"k": "null", "query": "null"}}, {"k": 20}),
        ({"files": {"text": (None, "red ball")}, "data": {"k": "", "query": "{}"}}, {"k": 20}),
        ({"files": {"text": (None, "red ball")}, "data": {"k": "undefined", "image": "null"}}, {"k": 20}),
        ({"files": {"text": (None, "red ball")}, "data": {"k": " 3\r\n"}}, {}),
        ({"files": {"text": (None, "")}, "data": {"query": '{"text": "red ball", "k": 3, "image": null}'}}, {}),
    ],
)  # fmt: skip
def test_clients_send_the_same_search_in_many_ways(
    client: httpx.Client, as_json: Callable[..., list[object]], send: dict[str, Any], members: dict[str, int]
) -> None:
    answer = client.post("/search", **send)
    assert answer.status_code == 200, answer.text
    assert answer.json()["hits"] == as_json(**{"text": "red ball", "k": 3, **members})


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({}, "grün".encode()),
        ({}, b"\xef\xbb\xbfgr\xc3\xbcn"),
        ({"Content_Type": "text/plain; charset=iso-8859-1"}, b"gr\xfcn"),
        ({"Content_Type": 'text/plain; charset="UTF-8"'}, "grün".encode()),
        ({"Content_Type": "text/plain; charset=utf-16"}, "grün".encode("utf-16")),
        ({"Content_Transfer_Encoding": "base64"}, base64.b64encode("grün".encode())),
        ({"content_transfer_encoding": "quoted-printable"}, b"gr=C3=BCn"),
        ({"content_transfer_encoding": "8bit"}, "grün".encode()),
    ],
)  # fmt: skip
def test_text_is_decoded_as_its_part_says(headers: dict[str, str], value: bytes) -> None:
    assert read(part("text", value, **headers)).fields == {"text": "grün"}


def test_a_form_names_its_charset() -> None:
    charset = part("_charset_", b"windows-1252")
    assert read(charset, part("text", b"gr\xfcn \x80")).fields == {"text": "grün €"}
    own = part("text", "grün".encode(), Content_Type="text/plain; charset=utf-8")
    assert read(own, charset).fields == {"text": "grün"}


@pytest.mark.parametrize("charset", ["nothing", "rot13", "idna", "unicode_escape", "utf-7", "punycode", "", "\0"])
def test_an_unknown_charset_is_refused(charset: str) -> None:
    with pytest.raises(Unusable, match="charset") as refused:
        read(part("text", b"red", Content_Type=f'text/plain; charset="{charset}"'))
    assert refused.value.fields[0]["field"] == "text"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([part("text", b"red"), part("text", b"blue")], "text"),
        ([part("k", b"3"), part("text", b"red"), part("k", b"3")], "k"),
        ([part("image", b"\xff\xd8\xff", more='; filename="a"')] * 2, "image"),
        ([part("text", b"red"), part("colour", b"blue")], "colour"),
        ([part("images", b"\xff\xd8", more='; filename="a.jpg"')], "images"),
        ([part("image", b"https://shop.example/a.png")], "image"),
        ([part("image", b"red-box")], "image"),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_used_is_named(parts: list[bytes], name: str) -> None:
    with pytest.raises(Unusable) as refused:
        read(*parts)
    assert refused.value.fields[0]["field"] == name and name in str(refused.value)


@pytest.mark.parametrize(
    "content_type",
    ['multipart/form-data; boundary="X"', "multipart/form-data;BOUNDARY=X",
     "multipart/form-data; charset=utf-8; boundary=X", "Multipart/Form-Data; boundary=X; charset=UTF-8",
     'multipart/form-data;  boundary = "X" '],
)  # fmt: skip
def test_a_boundary_is_read_with_and_without_quotes(content_type: str) -> None:
    assert read(part("text", b"red"), content_type=content_type).fields == {"text": "red"}


def test_a_boundary_may_have_spaces_in_quotes() -> None:
    body = (part("text", b"red") + END).replace(b"--X", b"--a b?=")
    assert multipart.parse(body, content_type='multipart/form-data; boundary="a b?="').fields == {"text": "red"}


def test_text_around_the_parts_is_ignored() -> None:
    body = b"\r\n" + part("text", b"red\r\nand -- X blue") + b"--X--"
    for end in (b"", b"\r\n", b"\r\n\r\n", b"\r\nan epilogue"):
        assert multipart.parse(body + end, content_type=TYPE).fields == {"text": "red\r\nand -- X blue"}


def test_a_form_without_parts_is_empty() -> None:
    assert read() == multipart.Form({})


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_content_type_set_by_hand_is_explained(content_type: str) -> None:
    with pytest.raises(BadRequest, match="boundary"):
        read(part("text", b"red"), content_type=content_type)


def test_a_form_of_many_parts_is_refused() -> None:
    with pytest.raises(Unusable, match="parts"):
        read(*[NO_FILE] * 1000)


def test_another_content_type_says_what_to_send(client: httpx.Client) -> None:
    answer = client.post("/search", data={"text": "ball"})
    assert answer.status_code == 415
    assert all(word in answer.json()["detail"] for word in ("x-www-form-urlencoded", "multipart/form-data"))
    refused = client.post("/searches", files={"text": (None, "ball")})
    assert refused.status_code == 415
    assert all(word in refused.json()["detail"] for word in ("multipart/form-data", "application/json"))


def test_null_means_left_out(client: httpx.Client) -> None:
    names = client.get("/openapi.json").json()["components"]["schemas"]["SearchBody"]["properties"]
    plain = client.post("/search", json={"text": "ball"}).json()["hits"]
    answer = client.post("/search", json={**dict.fromkeys(names), "text": "ball"})
    assert answer.status_code == 200 and answer.json()["hits"] == plain
    for body in ({"text": "ball", "group_by": ""}, {"text": "ball", "filter": None, "offset": None, "k": None}):
        assert client.post("/search", json=body).json()["hits"] == plain
    image = {"item_id": "red-box", "url": "", "base64": None}
    by_item = client.post("/search", json={"image": {"item_id": "red-box"}}).json()["hits"]
    assert client.post("/search", json={"image": image, "text": ""}).json()["hits"] == by_item
    (several,) = client.post("/searches", json={"searches": [{"text": "ball", "k": None}]}).json()["answers"]
    assert several["hits"] == plain


@pytest.mark.parametrize("body", [{"text": None}, {"text": "ball", "colour": None}, {"text": "ball", "facets": [None]}])
def test_null_is_no_value_for_other_fields(client: httpx.Client, body: dict[str, object]) -> None:
    answer = client.post("/search", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
