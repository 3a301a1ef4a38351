"""The runbook: each alert leads into it, and a backup made as it says is a whole gallery."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import yaml

from index.build.compact import compact
from index.gallery import Gallery
from models.bundle import SHIPPED, Bundle
from models.errors import SnapshotOutdated
from tests.conftest import Serve
from tests.deploy.conftest import ROOT

RUNBOOK = ROOT / "deploy" / "README.md"


def test_each_alert_leads_to_its_own_heading_and_each_heading_has_an_alert() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(alerts)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"deploy/README.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_panel_that_the_runbook_names_is_on_the_dashboard() -> None:
    shown = set(re.findall(r'"title": "([^"]+)"', (ROOT / "deploy" / "grafana" / "likebut.json").read_text()))
    alerts = " ".join(RUNBOOK.read_text(encoding="utf-8").split("## Alerts")[1].split())
    named = set(re.findall(r"\*([A-Z][^*]+)\*", alerts))
    causes = {"No gallery", "Made by another model", "Damaged", "Changes lost", "Moved, removed or replaced"}
    causes.add("A trial search took too long")
    assert len(named & shown) > 5 and named - shown == causes


def test_a_backup_of_a_gallery_in_use_has_all_that_was_acknowledged_before_it(gallery: Path, tmp_path: Path) -> None:
    shutil.copytree(gallery, tmp_path / "live")
    (tmp_path / "live" / "uploaded" / "ab").mkdir(parents=True)
    (tmp_path / "live" / "uploaded" / "ab" / "picture").write_bytes(b"a picture")
    space_id = Bundle.open(SHIPPED).manifest.space_id
    live = Gallery.open(tmp_path / "live", space_id=space_id)
    id, acknowledged, stop = live.view().ids[0], 0, threading.Event()

    def write() -> None:
        nonlocal acknowledged
        own = live
        while not stop.is_set():
            put = own.view().upsert(id)
            assert put is not None
            item = replace(put.item, attributes={"number": acknowledged + 1})
            try:
                own.change([replace(put, item=item)])
            except SnapshotOutdated:  # as a service, which opens the new one
                own = Gallery.open(tmp_path / "live", space_id=space_id, journal=own.journal)
                continue
            acknowledged += 1

    def fold() -> None:
        while not stop.wait(0.3):  # a snapshot that is being copied is kept for two more
            compact(tmp_path / "live", progress=lambda _: None)

    threads = [threading.Thread(target=work) for work in (write, fold)]
    for thread in threads:
        thread.start()
    try:
        for number in itertools.count():
            before = acknowledged
            backed_up(tmp_path / "live", tmp_path / "copy")
            after = acknowledged + 1  # one may be on the disk and not counted yet
            shutil.copytree(tmp_path / "copy", tmp_path / f"restored-{number}")
            restored = Gallery.open(tmp_path / f"restored-{number}", space_id=space_id)
            number_then = restored.view().item(id).attributes.get("number", 0)
            assert isinstance(number_then, int) and before <= number_then <= after
            assert len(restored.view()) == len(live.view())
            restored.journal.close()
            assert (tmp_path / f"restored-{number}" / "uploaded" / "ab" / "picture").read_bytes() == b"a picture"
            if number >= 3 and len(list((tmp_path / "copy" / "snapshots").iterdir())) > 2:  # folded twice meanwhile
                break
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert acknowledged > 0


def backed_up(gallery: Path, copy: Path) -> None:
    command = [ROOT / "deploy" / "backup.sh", gallery, copy]
    done = subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_feed_of_every_night_becomes_the_gallery_or_ends_with_the_reason(
    gallery: Path, tmp_path: Path, serve: Serve
) -> None:
    shutil.copytree(gallery, tmp_path / "gallery")
    image = next(path for path in (ROOT / "docs" / "sample").glob("*.jpg"))
    (tmp_path / "feed.csv").write_text(f"id,image,price\na,{image},5\n")
    (tmp_path / "headers").write_text("authorization: Bearer none\n")
    with serve("--gallery", tmp_path / "gallery") as address:

        def sent(*query: str) -> subprocess.CompletedProcess[str]:
            feed = (tmp_path / "feed.csv").as_uri()
            command = [str(ROOT / "deploy" / "feed.sh"), feed, address, str(tmp_path / "headers"), "text/csv", *query]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        refused = sent()
        assert refused.returncode == 1 and "live items" in refused.stderr
        assert sent("max_loss=1").returncode == 0
        assert Gallery.open(tmp_path / "gallery", space_id=Bundle.open(SHIPPED).manifest.space_id).view().ids == ["a"]
