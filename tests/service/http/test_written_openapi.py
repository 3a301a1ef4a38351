"""The checked-in OpenAPI document, so that a review shows every change of the interface."""

import json
from pathlib import Path

import httpx
import pytest

from service.__main__ import main

WRITTEN = Path(__file__).parents[3] / "service" / "openapi.json"


def test_the_checked_in_document_is_the_one_served(capsys: pytest.CaptureFixture[str], client: httpx.Client) -> None:
    assert main(["openapi"]) == 0
    assert capsys.readouterr().out == WRITTEN.read_text(encoding="utf-8"), (
        "run `make openapi` and commit what it writes"
    )
    written, served = json.loads(WRITTEN.read_text(encoding="utf-8")), client.get("/openapi.json").json()
    assert written["paths"].keys() == served["paths"].keys()
    assert without_examples(written) == without_examples(served)  # the served examples are from the live gallery


def without_examples(found: object) -> object:
    """Return a JSON value without its members `example` and `examples`."""
    if isinstance(found, dict):
        return {key: without_examples(each) for key, each in found.items() if key not in ("example", "examples")}
    return [without_examples(each) for each in found] if isinstance(found, list) else found


def test_generated_clients_get_what_is_always_there_and_send_no_defaults() -> None:
    schemas = json.loads(WRITTEN.read_text(encoding="utf-8"))["components"]["schemas"]
    for name in ("SearchAnswer", "HitAnswer", "ItemAnswer", "Job", "ItemResult"):
        assert schemas[name]["required"] == [*schemas[name]["properties"]]
    assert "required" not in schemas["SearchBody"] and schemas["ItemChange"]["required"] == ["id"]
    assert "errors" not in schemas["Problem"]["required"]  # for 422 alone
    members = [member for schema in schemas.values() for member in schema.get("properties", {}).values()]
    assert not any("default" in member for member in members)
    assert schemas["SearchBody"]["properties"]["k"]["description"].endswith("; default 20")
