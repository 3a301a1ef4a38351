"""The chance of each hit: the bundle's own curve over its score, where it was fitted to such queries."""

import base64
from pathlib import Path

import httpx
import numpy as np
import pytest

from models.bundle import SHIPPED, Bundle

IMAGE = Path(__file__).parents[3] / "docs" / "sweater.jpg"


@pytest.fixture(scope="module")
def image() -> dict[str, str]:
    return {"base64": base64.b64encode(IMAGE.read_bytes()).decode()}


def test_a_hit_has_the_chance_of_its_score(client: httpx.Client, image: dict[str, str]) -> None:
    curves = Bundle.open(SHIPPED).manifest.calibration
    assert curves is not None
    for body, curve in (({"text": "red dress"}, curves.text), ({"text": "in red", "image": image}, curves.composed)):
        hits = client.post("/search", json=body).json()["hits"]
        expected = curve.chance(np.array([hit["score"] for hit in hits]))
        assert [hit["chance"] for hit in hits] == pytest.approx(expected, abs=2e-3)


def test_other_queries_than_it_was_fitted_to_have_none(client: httpx.Client, image: dict[str, str]) -> None:
    for body in ({"image": image}, {"text": "in red", "image": image, "text_weight": 0.3}):
        assert all(hit["chance"] is None for hit in client.post("/search", json=body).json()["hits"])
