"""The extras for GPUs resolve to versions that work together, by what their wheels require; no network."""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from models.runtime import libraries
from tests.deploy import gpu_wheels

PINS = {
    canonicalize_name(line.split("==")[0]): Version(line.split("==")[1])
    for line in (gpu_wheels.ROOT / "constraints.txt").read_text(encoding="utf-8").split()
}
EXTRAS = tomllib.loads((gpu_wheels.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
WHEELS = json.loads(gpu_wheels.FILE.read_text(encoding="utf-8"))
CHOSEN = {Requirement(wheel).name: Requirement(wheel).extras for wheel in gpu_wheels.WHEELS}


def needs(name: str) -> list[Requirement]:
    """The requirements of a recorded wheel that hold here, with the extras that the gpu extra takes."""
    parsed = [Requirement(line) for line in WHEELS[name]["requires"]]
    extras = CHOSEN.get(name) or {""}
    return [one for one in parsed if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)]


def test_the_extra_takes_the_wheels_that_are_recorded() -> None:
    extra = {Requirement(line).name: Requirement(line) for line in EXTRAS["gpu"]}
    assert {name: one.extras for name, one in extra.items()} == CHOSEN
    assert all(PINS[canonicalize_name(name)] in one.specifier for name, one in extra.items())


@pytest.mark.parametrize("name", sorted(WHEELS))
def test_each_wheel_is_pinned_as_recorded_and_so_is_all_that_it_needs(name: str) -> None:
    assert PINS[canonicalize_name(name)] == Version(WHEELS[name]["version"])
    for one in needs(name):
        assert PINS[canonicalize_name(one.name)] in one.specifier, f"{name} needs {one}"


def test_onnx_runtime_and_torch_take_the_same_cuda_and_cudnn() -> None:
    found = {canonicalize_name(one.name): one for one in needs("onnxruntime-gpu")}
    try:
        lines = metadata.requires("torch") or []
    except metadata.PackageNotFoundError:
        pytest.skip("torch is not installed")
    torch = {canonicalize_name(one.name): one for one in map(Requirement, lines)}
    pinned = [name for name in torch if name.startswith("nvidia-") or name == "cuda-toolkit"]
    if not pinned:
        pytest.skip("this torch is one for the CPU")
    assert set(found) & set(torch), "they share no library"
    for name in pinned:
        assert PINS[canonicalize_name(name)] in torch[name].specifier, f"torch needs {torch[name]}"
    cuda = [PINS[canonicalize_name(name)].major for name in ("cuda-toolkit", "nvidia-cuda-runtime")]
    assert cuda == [13, 13]


def test_the_pinned_tensorrt_is_the_one_that_onnx_runtime_links() -> None:
    (line,) = EXTRAS["tensorrt"]
    wanted = Requirement(line)
    (major,) = {int(re.sub(r".*\.so\.", "", name)) for name in libraries.TENSORRT}
    assert PINS[canonicalize_name(wanted.name)] in wanted.specifier
    assert PINS[canonicalize_name(wanted.name)].major == major
    assert Version(f"{major + 1}.0") not in wanted.specifier  # its libraries have other names


def test_cpu_and_gpu_take_the_same_versions() -> None:
    for gpu, cpu in (("faiss-gpu", "faiss-cpu"), ("onnxruntime-gpu", "onnxruntime")):
        assert PINS[canonicalize_name(gpu)] == PINS[canonicalize_name(cpu)]


def test_what_is_installed_agrees_with_the_pins() -> None:
    for name, pin in PINS.items():
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        if Version(metadata.version(name)) != pin:
            continue
        for one in map(Requirement, lines):
            pinned = PINS.get(canonicalize_name(one.name))
            if pinned is not None and (one.marker is None or one.marker.evaluate({"extra": ""})):
                assert one.specifier.contains(pinned, prereleases=True), f"{name} needs {one}, pinned is {pinned}"


def test_the_record_is_of_files_in_the_repository() -> None:
    assert Path(gpu_wheels.FILE).is_file() and set(CHOSEN) <= set(WHEELS)
