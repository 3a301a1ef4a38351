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
