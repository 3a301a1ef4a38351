"""How many workers there are by default."""

import os
from pathlib import Path

import pytest

from models.bundle import SHIPPED
from service import machine
from service.settings import Settings


def test_there_is_a_worker_for_each_core_as_far_as_the_memory_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(bundle=SHIPPED)
    monkeypatch.setattr(machine, "cores", lambda: 6)
    monkeypatch.setattr(machine, "_free_bytes", lambda: 2**40)
    assert machine.workers(settings) == 6
    monkeypatch.setattr(machine, "cores", lambda: 96)
    assert machine.workers(settings) == machine.MOST_WORKERS
    monkeypatch.setattr(machine, "_free_bytes", lambda: 1600 * 2**20)
    assert 1 < machine.workers(settings) < 4
    for name, megabytes in (("text.onnx", 1), ("weights.bin", 300)):  # a model of some size, whose weights count
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, megabytes * 2**20)
    assert machine.workers(Settings(bundle=tmp_path)) == 1
    monkeypatch.setattr(machine, "_free_bytes", lambda: 0)
    assert machine.workers(settings) == 1
    assert machine.workers(Settings(bundle=SHIPPED, provider="cuda")) == 1


def test_a_container_has_the_cores_and_the_memory_of_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    whole = machine.cores()
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores() == whole
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert machine.cores() == 1
    (tmp_path / "memory.max").write_text(f"{3 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{2**20}\n")
    assert machine._free_bytes() == 2 * 2**20


def test_limits_are_shared_among_the_workers() -> None:
    settings = Settings(workers=3, max_waiting=64)
    assert settings.share(settings.max_waiting) == 22
    threads = settings.shared(cores=8)
    assert threads.batches * threads.per_batch <= 8 // 3 + 1 and threads.decoders == 2


def test_as_many_images_are_decoded_at_once_as_there_are_cores() -> None:
    assert [Settings().shared(cores).decoders for cores in (1, 4, 16)] == [4, 4, 16]
