"""The Python client: as generated from the OpenAPI document, strictly typed, and against a running service."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from likebut_client import Client
from likebut_client.api.gallery import (
    cancel_index_job,
    change_items,
    get_item,
    get_item_image,
    patch_item,
    put_item,
    start_index_job,
)
from likebut_client.api.search import search, searches
from likebut_client.models import (
    Condition,
    Filter,
    ItemAnswer,
    ItemBody,
    ItemChange,
    ItemForm,
    ItemsAnswer,
    ItemsBody,
    ItemsForm,
    Job,
    JobAccepted,
    Problem,
    SearchAnswer,
    SearchBody,
    SearchesAnswer,
    SearchesBody,
)
from likebut_client.types import File
from tests.imports import ROOT

FOLDER = ROOT / "clients" / "python"
SAMPLE = FOLDER / "sample.py"
IMAGE = ROOT / "docs" / "sweater.jpg"
ADDRESS = "http://127.0.0.1:8000"  # of the demo, in the sample


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """A client of the service, as the generator writes it."""
    with Client(address) as opened:
        yield opened


def test_the_python_client_is_generated_from_the_document(
    tmp_path: Path, files: Callable[[Path], dict[str, str]]
) -> None:
    subprocess.run([sys.executable, FOLDER / "generate.py", tmp_path], check=True)
    written, fresh = files(FOLDER / "likebut_client"), files(tmp_path / "likebut_client")
    changed = [name for name in sorted(written.keys() | fresh) if written.get(name) != fresh.get(name)]
    assert changed == [], "run `make clients` and commit what it writes"


def test_the_python_sample_is_strictly_typed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", str(SAMPLE)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_python_sample_runs(address: str) -> None:
    code = SAMPLE.read_text(encoding="utf-8")
    assert code.count(ADDRESS) == 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.replace(ADDRESS, address)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(FOLDER)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert len(lines) == 5 and all(-1 <= float(score) <= 1 and title for score, title in lines)


def test_typed_filters_find_what_written_ones_find(client: Client) -> None:
    cheap = Filter()
    cheap["price"] = Condition(lt=60)
    typed = Filter(or_=[cheap, Filter(not_=Filter.from_dict({"category": ["dress", "skirt"]}))])
    written = {"or": [{"price": {"lt": 60}}, {"not": {"category": ["dress", "skirt"]}}]}
    assert typed.to_dict() == written and Filter.from_dict(written) == typed
    answer = search.sync(client=client, body=SearchBody(text="red", filter_=typed))
    assert isinstance(answer, SearchAnswer) and 0 < answer.total <= 24
    everything = Filter(and_=[typed, Filter(not_=typed)])
    nothing = search.sync(client=client, body=SearchBody(text="red", filter_=everything))
    assert isinstance(nothing, SearchAnswer) and nothing.total == 0


def test_a_failure_is_a_problem_also_among_several_searches(client: Client) -> None:
    unknown = search.sync(client=client, body=SearchBody(text="red", filter_=Filter.from_dict({"colours": "red"})))
    assert isinstance(unknown, Problem) and unknown.status == 422 and "colours" in unknown.detail
    both = searches.sync(client=client, body=SearchesBody([SearchBody(text="red", k=1), SearchBody()]))
    assert isinstance(both, SearchesAnswer)
    assert [type(answer) for answer in both.answers] == [SearchAnswer, Problem]


def test_items_are_put_as_json_and_as_forms(client: Client) -> None:
    file = File(BytesIO(IMAGE.read_bytes()), "sweater.jpg")
    form = ItemForm.from_dict({"attributes": {"title": "Odd sweater"}, "image": [IMAGE.read_bytes()]})
    put = put_item.sync("odd/sweater", client=client, body=form)
    assert isinstance(put, ItemAnswer) and put.attributes["title"] == "Odd sweater"
    patched = patch_item.sync("odd/sweater", client=client, body=ItemBody.from_dict({"attributes": {"price": 17.9}}))
    assert isinstance(patched, ItemAnswer) and patched.attributes.to_dict() == {"title": "Odd sweater", "price": 17.9}
    image = get_item_image.sync("odd/sweater", client=client)
    assert isinstance(image, File) and image.payload.read() == IMAGE.read_bytes()
    several = ItemsForm(ItemsBody([ItemChange("second"), ItemChange("odd/sweater", delete=True)]))
    several["second"] = file
    changed = change_items.sync(client=client, body=several)
    assert isinstance(changed, ItemsAnswer) and [result.status for result in changed.results] == ["put", "deleted"]
    gone = get_item.sync("odd/sweater", client=client)
    assert isinstance(gone, Problem) and gone.status == 404


def test_a_table_is_uploaded_as_a_file(client: Client) -> None:
    table = File(BytesIO(b"id,image\n1,http://127.0.0.1:1/1.jpg\n"))
    started = start_index_job.sync(client=client, body=table, format_="csv")
    assert isinstance(started, JobAccepted)
    job = cancel_index_job.sync(started.job, client=client)
    assert isinstance(job, Job) and job.source.endswith(".csv")
