"""The whole path from images to triplets; a run killed at any moment continues and ends with the same files."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import parquet

from models import bundle
from tests.training.triplets.scripted import Answer, Asked, Server, model, says, serving
from training import __main__
from training.data.formats import jsonl
from training.triplets import store, write
from training.triplets.store import Store

pytestmark = pytest.mark.torch  # for tenacity, which the endpoint imports late

ROOT = Path(__file__).parents[3]
FILES = (write.TRIPLETS, write.REJECTED, write.REPORT)
CONCURRENCY = 4


def settings(folder: Path, pictures: Path, server: Server, *, more: str = "") -> Path:
    section = f'kind = "endpoint"\nurl = "{server.url}"\nconcurrency = {CONCURRENCY}\ntries = 2\n'
    text = f"""
    [images]
    source = "folder"
    folder = "{pictures}"
    [pairs]
    count = 40
    seed = 3
    {more}
    [captioner]
    {section}
    model = "eyes"
    [reformulator]
    {section}
    model = "pen"
    completion_price = 10
    """
    path = folder / "triplets.toml"
    path.write_text(text.replace("    ", ""))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_pair_becomes_a_triplet_that_training_reads(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with serving(model) as server:
        made = ["triplets", "make", str(settings(tmp_path, pictures, server)), "--out", str(out), "--parquet"]
        assert __main__.main(made) == 0
        assert len(server.asked) == 12 + 40  # a caption per image, a text per pair
        assert __main__.main(made) == 0 and len(server.asked) == 52  # and no request is sent again
    triplets = rows(out / write.TRIPLETS)
    pairs = {(row["reference"], row["target"]) for row in triplets}
    assert len(pairs) == 40 and all(a.split("/")[0] == b.split("/")[0] and a != b for a, b in pairs)
    assert all(re.fullmatch(r"Made it \w{8}, without sleeves\.", row["text"]) for row in triplets)
    captions = {row["reference"]: row["caption"] for row in triplets}
    captions |= {row["target"]: row["target_caption"] for row in triplets}
    assert len(set(captions.values())) == 12 and not any("\n" in caption for caption in captions.values())
    assert all(captions[row["reference"]] == row["caption"] for row in triplets)
    found = jsonl.find(out / write.TRIPLETS, images=pictures).whole(skip=None)
    assert len(found) == 40 and list(found.captions) == [row["caption"] for row in triplets]
    assert parquet.read_table(out / write.PARQUET).to_pylist() == triplets
    report = json.loads((out / write.REPORT).read_text())
    assert report["triplets"] == 40 and report["texts"]["rejected"] == {}
    assert report["texts"]["cost"] == pytest.approx(40 * 3 * 10 / 1e6)
    assert (report["captions"]["prompt_tokens"], report["texts"]["completion_tokens"]) == (120, 120)
    assert "texts answers" in capsys.readouterr().out
    assert not list(out.glob("*.part.*"))


def started(config: Path, out: Path) -> "subprocess.Popen[bytes]":
    command: list[str | Path] = [sys.executable, "-m", "training", "triplets", "make", config, "--out", out]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stopped(process: "subprocess.Popen[bytes]", server: Server, *, after: int, by: signal.Signals) -> int:
    """Send the signal after so many requests, and return the exit status."""
    end = time.monotonic() + 60
    while len(server.asked) < after:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(by)
    return process.wait(timeout=30)


def times_asked(server: Server) -> Counter[tuple[str, str]]:
    return Counter((one.text, one.picture) for one in server.asked)


@pytest.fixture
def whole(tmp_path: Path, pictures: Path) -> Callable[[Server], dict[str, str]]:
    """Return the files of a run without interruption."""

    def files(server: Server) -> dict[str, str]:
        config = settings(tmp_path, pictures, server)
        assert __main__.main(["triplets", "make", str(config), "--out", str(tmp_path / "whole")]) == 0
        return {name: (tmp_path / "whole" / name).read_text() for name in FILES}

    return files


def test_a_killed_run_resumes_without_repeated_requests(
    tmp_path: Path, pictures: Path, whole: Callable[[Server], dict[str, str]]
) -> None:
    out = tmp_path / "out"
    with serving(model) as server:
        config = settings(tmp_path, pictures, server)
        kept: list[int] = []
        for after in (7, 25, 40):  # once during the captions, twice during the texts
            process = started(config, out)
            assert stopped(process, server, after=after, by=signal.SIGKILL) == -signal.SIGKILL
            before = len(server.asked)
            with Store.open(out) as answers:
                kept.append(len(answers))
            assert before - CONCURRENCY - sum(times_asked(server).values()) + len(times_asked(server)) <= kept[-1]
        assert kept == sorted(kept) and 0 < kept[0] < kept[-1] < 52
        assert not (out / write.TRIPLETS).exists()  # nothing half
        assert started(config, out).wait(timeout=60) == 0
        again = sum(count - 1 for count in times_asked(server).values())
        assert again <= 3 * CONCURRENCY  # those whose answers were on their way at each kill
        with Store.open(out) as answers:
            assert len(answers) == 52 == len(times_asked(server))
    with serving(model) as server:
        expected = whole(server)
    for name in FILES:
        found = (out / name).read_text()
        assert re.sub(r"127\.0\.0\.1:\d+", "", found) == re.sub(r"127\.0\.0\.1:\d+", "", expected[name])


def test_interrupted_it_waits_for_the_answers_under_way_and_loses_none(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    with serving(model) as server:
        config = settings(tmp_path, pictures, server)
        assert stopped(started(config, out), server, after=25, by=signal.SIGINT) == 130
        with Store.open(out) as answers:
            assert len(answers) == len(server.asked) < 52
        assert started(config, out).wait(timeout=60) == 0
        assert set(times_asked(server).values()) == {1}


def test_interrupted_it_does_not_wait_for_a_server_that_is_busy_for_long(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"

    def script(number: int, asked: Asked) -> Answer:
        return Answer("", 429, {"retry-after": "600"}) if number else model(number, asked)

    with serving(script) as server:
        config = settings(tmp_path, pictures, server)
        assert stopped(started(config, out), server, after=CONCURRENCY, by=signal.SIGINT) == 130
    with Store.open(out) as answers:
        assert len(answers) == 1


def test_a_server_that_is_busy_broken_and_garbled_by_turns_loses_no_pair(tmp_path: Path, pictures: Path) -> None:
    faults = (Answer("", 429, {"retry-after": "0"}), Answer("", 500), Answer("<html>"), Answer("", 503))

    seen: set[tuple[str, str]] = set()

    def script(number: int, asked: Asked) -> Answer:
        question = asked.text, asked.picture
        if question in seen or number % 7:
            return model(number, asked)
        seen.add(question)
        return faults[number % 4]

    out = tmp_path / "out"
    with serving(script) as server:
        config = settings(tmp_path, pictures, server)
        assert __main__.main(["triplets", "make", str(config), "--out", str(out)]) == 0
    assert len(rows(out / write.TRIPLETS)) == 40 and len(server.asked) > 52


def test_a_wrong_key_ends_the_run_in_one_sentence(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, asked: Answer("who?", 401)) as server:
        config = settings(tmp_path, pictures, server)
        assert __main__.main(["triplets", "make", str(config), "--out", str(tmp_path / "out")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("likebut: ") and "refuses the key (status 401: who?)" in last


def test_a_picture_without_a_caption_costs_its_pairs_and_no_other(tmp_path: Path, pictures: Path) -> None:
    (pictures / "coats" / "broken.jpg").write_bytes(b"no picture")

    def script(number: int, asked: Asked) -> Answer:
        return says("  ") if number == 0 else model(number, asked)

    out = tmp_path / "out"
    with serving(script) as server:
        config = settings(tmp_path, pictures, server)
        assert __main__.main(["triplets", "make", str(config), "--out", str(out)]) == 0
    rejected = rows(out / write.REJECTED)
    reasons = Counter(re.sub(r"\(.*", "", row["reason"]) for row in rejected)
    refused = f"no caption: {pictures}/coats/broken.jpg cannot be read as an image "
    assert set(reasons) == {"no caption: the answer is blank", refused}
    assert len(rows(out / write.TRIPLETS)) + len(rejected) == 40
    report = json.loads((out / write.REPORT).read_text())
    assert report["pairs"]["without_caption"] == len(rejected)
    assert (report["captions"]["blank"], report["captions"]["refused"]) == (0, 2)


@pytest.mark.parametrize(
    "broken",
    [
        says("", finish_reason="length"),
        says("change it to one with", finish_reason="length"),
        says("   "),
        says(None, reasoning_content="hm"),
        says("<think>it is"),
        Answer('{"error": {"message": "Insufficient credits", "code": 402}}'),
    ],
)
def test_a_mended_server_answers_what_it_had_cut_or_left_blank(
    tmp_path: Path, pictures: Path, broken: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    mended = False

    def script(number: int, asked: Asked) -> Answer:
        return model(number, asked) if mended else broken

    with serving(script) as server:
        command = ["triplets", "make", str(settings(tmp_path, pictures, server)), "--out", str(tmp_path / "out")]
        assert __main__.main(command) == 0 and not rows(tmp_path / "out" / write.TRIPLETS)
        assert len(server.asked) == 12
        mended = True
        assert __main__.main(command) == 0
    assert len(rows(tmp_path / "out" / write.TRIPLETS)) == 40 and len(server.asked) == 12 + 12 + 40


def test_a_window_takes_only_similar_pairs_and_reports_too_few(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = f'window = [0.999, 1.0]\nbundle = "{bundle.SHIPPED}"'
    with serving(model) as server:
        config = settings(tmp_path, pictures, server, more=window)
        status = __main__.main(["triplets", "make", str(config), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert status == 2 and "widen pairs.window" in error
    more = window.replace("0.999", "0.5")
    with serving(model) as server:
        config = settings(tmp_path, pictures, server, more=more.replace("[0.5", "[-1"))
        config.write_text(config.read_text().replace("count = 40", "count = 100"))
        assert __main__.main(["triplets", "make", str(config), "--out", str(tmp_path / "out")]) == 0
    assert "60 pairs of 100 requested" in capsys.readouterr().err
    assert len(rows(tmp_path / "out" / write.TRIPLETS)) == 60


def test_product_data_and_templates_need_no_model_at_all(tmp_path: Path, pictures: Path) -> None:
    table = tmp_path / "items.csv"
    with table.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "image", "kind", "title", "colour", "sleeves"])
        for number in range(12):
            folder = "coats" if number % 2 else "hats"
            colour, sleeves = ("red", "green", "blue")[number % 3], ("long", "short")[number // 6]
            lines.writerow(
                [number, f"pictures/{folder}/{number:02}.jpg", folder, f"{folder} {number}", colour, sleeves]
            )
    config = tmp_path / "c.toml"
    config.write_text(
        f'[images]\nsource = "table"\ntable = "{table}"\nmeta_class = "kind"\n'
        'products = ["title", "colour", "sleeves"]\n[pairs]\ncount = 30\n'
        '[captioner]\nkind = "products"\n[reformulator]\nkind = "template"\n'
    )
    heavy = {"torch", "transformers", "httpx", "tenacity"}
    code = f"import sys; from training.__main__ import main; main(sys.argv[1:]); print({heavy} & set(sys.modules))"
    command: list[str | Path] = [sys.executable, "-c", code, "triplets", "make", config, "--out", tmp_path / "out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    triplets = rows(tmp_path / "out" / write.TRIPLETS)
    assert len(triplets) + len(rows(tmp_path / "out" / write.REJECTED)) >= 30 and len(triplets) > 20
    found = jsonl.find(tmp_path / "out" / write.TRIPLETS, images=tmp_path).whole(skip=None)
    assert len(found) == len(triplets) and len(found.images) == 12
    assert (tmp_path / "out" / store.FILE).exists()
