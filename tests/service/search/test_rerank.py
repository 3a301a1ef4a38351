"""`rerank` in a search: the order of the re-ranker, with filters and pages, and without a re-ranker."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest

from models.encoder import Encoder
from service.schemas.search import SearchAnswer

Draw = Callable[..., bytes]
ASKED = {"image": {"item_id": "red-box"}, "text": "with long sleeves", "k": 40}


@pytest.fixture(scope="module")
def reranked(reranking_bundle: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery of the shop, built by the bundle with a re-ranker."""
    folder = tmp_path_factory.mktemp("reranked")
    words = ["build", str(shop), "--gallery", str(folder), "--bundle", str(reranking_bundle), "--progress", "none"]
    subprocess.run([sys.executable, "-m", "index", *words], check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def reranking(
    reranked: Path, reranking_bundle: Path, serve: Callable[..., AbstractContextManager[str]]
) -> Iterator[httpx.Client]:
    """A client of a service with that bundle."""
    with (
        serve("--gallery", reranked, "--bundle", reranking_bundle) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_the_first_hits_come_in_the_order_of_the_models_scores(
    reranking: httpx.Client, reranking_bundle: Path, image_file: Draw
) -> None:
    encoder = Encoder.open(reranking_bundle)

    def pixels(id: str) -> np.ndarray:
        colour, _, shape = id.partition("-")
        return encoder.preprocess(image_file(shape, colour))[np.newaxis]

    plain = reranking.post("/search", json=ASKED)
    order = ids(plain)
    named = [id for id in order if not id.startswith("odd")]
    reference, changes = pixels("red-box"), encoder.changes(["with long sleeves"])
    query = encoder.compose(reference, changes, text_weight=0.0)
    vectors = np.concatenate([encoder.gallery(pixels(id)) for id in named])
    (scores,) = encoder.rerank(reference, changes, composed=query, candidates=vectors[np.newaxis])
    expected = [named[row] for row in np.argsort(-scores, kind="stable")]
    answer = reranking.post("/search", json={**ASKED, "rerank": True})
    assert [id for id in ids(answer) if not id.startswith("odd")] == expected != named
    cosines = {hit["id"]: hit["score"] for hit in plain.json()["hits"]}
    assert all(hit["score"] == pytest.approx(cosines[hit["id"]], abs=1e-5) for hit in answer.json()["hits"])


def test_it_is_off_by_default_and_noted_when_on(reranking: httpx.Client) -> None:
    plain, answer = (reranking.post("/search", json={**ASKED, "rerank": wanted}) for wanted in (False, True))
    assert ids(plain) == ids(reranking.post("/search", json=ASKED)) != ids(answer)
    body = answer.json()
    assert SearchAnswer.model_validate(body, strict=True, extra="forbid").model_dump() == body
    assert list(body["took_ms"]) == ["wait", "decode", "encode", "search", "rerank", "total"]
    assert all(value >= 0 for value in body["took_ms"].values())
    assert "rerank;dur=" in answer.headers["server-timing"]
    assert not body["notes"] and body["diagnostics"] == [f"the first {len(body['hits'])} of the ranking were re-ranked"]
    assert "rerank" not in plain.json()["took_ms"] and not plain.json()["diagnostics"]
    metrics = reranking.get("/metrics").text
    assert 'likebut_stage_duration_seconds_count{stage="rerank"}' in metrics


def test_only_the_first_n_are_re_ranked_and_pages_do_not_overlap(reranking: httpx.Client) -> None:
    order = ids(reranking.post("/search", json={**ASKED, "exclude_reference": False}))
    wanted = {**ASKED, "exclude_reference": False, "rerank": 12}
    whole = ids(reranking.post("/search", json=wanted))
    assert set(whole[:12]) == set(order[:12]) and whole[:12] != order[:12] and whole[12:] == order[12:]
    pages = [ids(reranking.post("/search", json={**wanted, "k": 7, "offset": offset})) for offset in range(0, 30, 7)]
    assert [id for page in pages for id in page] == whole


def test_only_items_that_pass_the_filter_are_re_ranked(reranking: httpx.Client) -> None:
    reds = {**ASKED, "filter": {"colour": ["red", "blue"]}}
    plain, answer = (reranking.post("/search", json={**reds, "rerank": wanted}) for wanted in (False, 5))
    order, new = ids(plain), ids(answer)
    assert set(order) == set(new) and len(order) == 11
    assert answer.json()["diagnostics"][0] == "the first 5 of the ranking were re-ranked"
    everything = ids(reranking.post("/search", json={**ASKED, "rerank": True}))
    assert ids(reranking.post("/search", json={**reds, "rerank": True})) == [id for id in everything if id in order]


def test_several_searches_may_each_be_re_ranked_or_not(reranking: httpx.Client) -> None:
    asked = [{**ASKED, "rerank": wanted} for wanted in (True, False, 4)]
    asked.append({"image": {"item_id": "blue-ring"}, "text": "that is blue", "rerank": 9})
    answers = reranking.post("/searches", json={"searches": asked}).json()["answers"]
    for each, answer in zip(asked, answers, strict=True):
        alone = reranking.post("/search", json=each)
        assert [hit["id"] for hit in answer["hits"]] == ids(alone) and answer["diagnostics"] == alone.json()[
            "diagnostics"
        ]
        assert ("rerank" in answer["took_ms"]) == bool(each["rerank"])


def test_without_both_image_and_text_it_is_ignored_with_a_note(reranking: httpx.Client) -> None:
    for query in ({"text": "a red ball"}, {"image": {"item_id": "red-box"}}):
        plain, answer = (reranking.post("/search", json={**query, "rerank": wanted}) for wanted in (False, True))
        assert ids(plain) == ids(answer)
        assert "rerank was ignored" in answer.json()["notes"][0] and "rerank" not in answer.json()["took_ms"]


@pytest.mark.parametrize("wanted", [0, 101, -1, 2.5, "yes"])
def test_an_invalid_number_of_candidates_is_refused(reranking: httpx.Client, wanted: object) -> None:
    answer = reranking.post("/search", json={**ASKED, "rerank": wanted})
    assert answer.status_code == 422 and "rerank" in answer.json()["errors"][0]["field"]


def test_a_model_without_a_re_ranker_refuses_rerank(client: httpx.Client) -> None:
    answer = client.post("/search", json={**ASKED, "rerank": True})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "rerank", "detail": answer.json()["detail"]}]
    assert "has no re-ranker: leave out rerank, or serve a bundle that has one" in answer.json()["detail"]
    assert client.post("/search", json={**ASKED, "rerank": False}).status_code == 200
    one, other = client.post("/searches", json={"searches": [{**ASKED, "rerank": 5}, ASKED]}).json()["answers"]
    assert one["status"] == 422 and other["hits"]
