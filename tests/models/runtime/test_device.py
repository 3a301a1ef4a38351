"""Options of ONNX Runtime's providers, tolerances, and the cache of TensorRT's engines: all without a GPU."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import TOLERANCES
from models.errors import ConfigError
from models.runtime import cuda_driver, engine_cache, libraries
from models.runtime.cuda_driver import Gpu
from models.runtime.device import CPU, LARGEST_BATCH, CompiledEngine, Device, Products, Provider, cuda_options, profile

GPU = Gpu("NVIDIA Made-up 9000", "9.0", "13.0")
SHAPES: dict[str, list[int | str | None]] = {
    "pixels": ["batch", 3, 96, 96],
    "tokens": ["batch", "length"],
    "candidates": ["batch", "count", 256],
}
VERSIONS = {"onnxruntime": "1.31.1", "tensorrt": "101601"}


def engine(device: Device, **changes: object) -> CompiledEngine:
    given = {"graph": "compose", "digests": ["a", "b"], "shapes": SHAPES, "length": 48, "gpu": GPU}
    return engine_cache.engine(device, **{**given, "versions": VERSIONS, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "products", "precision"),
    [
        ("cpu", "auto", "float32"),
        ("cuda", "auto", "float32"),
        ("cuda", "tf32", "tf32"),
        ("tensorrt", "auto", "tf32"),
        ("tensorrt", "float16", "float16"),
    ],
)
def test_a_device_says_the_precision_of_its_products(
    provider: Provider, products: Products, precision: Products
) -> None:
    assert Device(provider, products).precision == precision


@pytest.mark.parametrize(("provider", "products"), [("cpu", "tf32"), ("cuda", "float16"), ("tensorrt", "float32")])
def test_a_precision_that_the_provider_lacks_is_refused(provider: Provider, products: Products) -> None:
    with pytest.raises(ConfigError, match=products):
        Device(provider, products)


def test_the_gate_widens_only_for_a_lower_precision() -> None:
    assert CPU.tolerance(2e-4) == Device("cuda").tolerance(2e-4) == 2e-4
    assert Device("cuda", "tf32").tolerance(2e-4) == Device("tensorrt", "float16").tolerance(2e-4)
    assert Device("cuda", "tf32").tolerance(2e-4) == TOLERANCES["float16"]
    assert Device("cuda", "tf32").tolerance(TOLERANCES["int8"]) == TOLERANCES["int8"]  # a wider one stays


def test_tf32_is_off_unless_it_is_chosen() -> None:
    ((name, options), (last, _)) = Device("cuda").providers(None)
    assert (name, last) == ("CUDAExecutionProvider", "CPUExecutionProvider") and options["use_tf32"] == "0"
    assert Device("cuda", "tf32").providers(None)[0][1]["use_tf32"] == "1"
    assert cuda_options(tf32=False)["cudnn_conv_algo_search"] == "HEURISTIC"


def test_tensorrt_falls_back_to_cuda_before_the_cpu() -> None:
    device = Device("tensorrt", "float16")
    names, options = zip(*device.providers(engine(device)), strict=True)
    assert [name.removesuffix("ExecutionProvider") for name in names] == ["Tensorrt", "CUDA", "CPU"]
    assert options[0]["trt_fp16_enable"] == options[0]["trt_layer_norm_fp32_fallback"] == "1"
    assert options[0]["trt_profile_min_shapes"] == "pixels:1x3x96x96,tokens:1x48,candidates:1x1x256"


def test_a_profile_names_all_inputs_with_sizes_alone() -> None:
    assert profile(SHAPES, rows=4, length=48, count=100) == "pixels:4x3x96x96,tokens:4x48,candidates:4x100x256"


def test_an_engine_has_a_folder_for_all_that_it_is_compiled_from(tmp_path: Path) -> None:
    device = Device("tensorrt", engines=tmp_path)
    first = engine(device)
    assert first == engine(device) and first.largest.startswith(f"pixels:{LARGEST_BATCH}x")
    others = [
        engine(device, digests=["a", "c"]),  # trained again
        engine(device, graph="text"),
        engine(device, length=77),
        engine(device, gpu=replace(GPU, name="NVIDIA Other")),
        engine(device, versions={**VERSIONS, "tensorrt": "101500"}),
        engine(replace(device, products="float16")),
    ]
    assert len({one.folder for one in (first, *others)}) == 1 + len(others)
    same_machine = [one.timings == first.timings for one in others]
    assert same_machine == [True, True, True, False, False, True]


def test_an_engine_counts_as_compiled_once_there_is_one(tmp_path: Path) -> None:
    made = engine(Device("tensorrt", engines=tmp_path))
    engine_cache.prepare(made)
    assert not engine_cache.is_compiled(made)
    (made.folder / "TensorrtExecutionProvider_one_sm90.engine").touch()
    assert engine_cache.is_compiled(made)


def test_versions_of_cuda_are_read_as_the_driver_writes_them() -> None:
    assert [cuda_driver.cuda_version(number) for number in (12080, 13000, 13010)] == ["12.8", "13.0", "13.1"]


def test_a_machine_without_a_driver_is_told_so() -> None:
    if not libraries.missing("cuda"):
        pytest.skip("there is a driver")
    with pytest.raises(ConfigError, match="driver"):
        cuda_driver.first_gpu()
    assert len(libraries.missing("tensorrt")) >= 1 and not libraries.missing("cpu")


@pytest.mark.parametrize("provider", ["cpu", "cuda", "tensorrt"])
def test_missing_libraries_end_no_process(provider: Provider) -> None:
    libraries.load(provider)
    assert "onnxruntime" in libraries.versions()
