"""Device that runs a bundle: ONNX Runtime's execution providers with the options that count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from models.bundle import TOLERANCES
from models.errors import ConfigError

Provider: TypeAlias = Literal["cpu", "cuda", "tensorrt"]
Products: TypeAlias = Literal["auto", "float32", "tf32", "float16"]  # precision of the products of matrices
Options: TypeAlias = Mapping[str, str]  # of one provider, as ONNX Runtime reads them

ENGINES = Path.home() / ".cache" / "likebut" / "engines"  # of TensorRT, unless another folder is named
LARGEST_BATCH = 64  # rows of a run on TensorRT, whose engines are built for a range of them; more rows are several runs
USUAL_BATCH = 16  # rows that its kernels are chosen for

# ONNX Runtime's names, each with those that take over the operators it lacks.
NAMES: Mapping[Provider, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}
# The first is what "auto" means. TensorRT takes TF32 for products in float32, and its provider has no switch for that.
_PRODUCTS: Mapping[Provider, tuple[Products, ...]] = {
    "cpu": ("float32",),
    "cuda": ("float32", "tf32"),
    "tensorrt": ("tf32", "float16"),
}
# TF32 has the mantissa of float16, ten bits.
_TOLERANCES: Mapping[Products, float] = {"tf32": TOLERANCES["float16"], "float16": TOLERANCES["float16"]}


@dataclass(frozen=True, slots=True)
class Device:
    """A provider, the precision of its products, and the folder of its compiled engines."""

    provider: Provider = "cpu"
    products: Products = "auto"
    engines: Path = ENGINES

    def __post_init__(self) -> None:
        """Raises ConfigError if the provider does not compute in that precision."""
        known = _PRODUCTS[self.provider]
        if self.products not in ("auto", *known):
            raise ConfigError(
                f"{self.provider} does not multiply in {self.products}: take auto or {' or '.join(known)}, or another"
                " provider"
            )

    @property
    def precision(self) -> Products:
        """The precision of the products, never "auto"."""
        return _PRODUCTS[self.provider][0] if self.products == "auto" else self.products

    @property
    def is_gpu(self) -> bool:
        """True if batches run on a GPU."""
        return self.provider != "cpu"

    def tolerance(self, bundle: float) -> float:
        """Return the largest difference from torch's outputs for a bundle that allows `bundle` in its own precision."""
        return max(bundle, _TOLERANCES.get(self.precision, 0.0))

    def providers(self, engine: "CompiledEngine | None") -> list[tuple[str, dict[str, str]]]:
        """Return ONNX Runtime's providers in order, with their options; TensorRT needs the `engine` of the graph."""
        options: dict[str, Options] = {
            "CPUExecutionProvider": {},
            "CUDAExecutionProvider": cuda_options(tf32=self.precision != "float32"),
        }
        if engine is not None:
            options["TensorrtExecutionProvider"] = tensorrt_options(engine, float16=self.precision == "float16")
        return [(name, dict(options[name])) for name in NAMES[self.provider]]


CPU = Device()


def cuda_options(*, tf32: bool) -> Options:
    """Return the options of CUDA that change values, time or memory, also if they are the defaults."""
    return {
        "device_id": "0",  # the first that CUDA_VISIBLE_DEVICES shows
        "use_tf32": str(int(tf32)),  # ONNX Runtime's own default loses 13 of 23 bits of every product
        "cudnn_conv_algo_search": "HEURISTIC",  # EXHAUSTIVE tries all for each batch size, in seconds
        "cudnn_conv_use_max_workspace": "1",
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles, and each of four graphs has an arena
        "do_copy_in_default_stream": "1",  # in a stream of its own a copy could race with the kernels
        "enable_cuda_graph": "0",  # it needs inputs at fixed addresses and one batch size
    }


@dataclass(frozen=True, slots=True)
class CompiledEngine:
    """Engine that TensorRT compiles of one graph: its caches, and the least, usual and largest shapes of the inputs."""

    folder: Path  # of this graph, GPU, version and precision alone
    timings: Path  # shared by all graphs of one GPU and version
    least: str
    usual: str
    largest: str


def tensorrt_options(engine: CompiledEngine, *, float16: bool) -> Options:
    """Return the options of TensorRT for one graph."""
    return {
        "device_id": "0",
        "trt_fp16_enable": str(int(float16)),
        "trt_layer_norm_fp32_fallback": str(int(float16)),  # sums of squares overflow in float16
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engine.folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engine.timings),
        "trt_profile_min_shapes": engine.least,
        "trt_profile_opt_shapes": engine.usual,
        "trt_profile_max_shapes": engine.largest,
        "trt_builder_optimization_level": "3",
        "trt_cuda_graph_enable": "0",
    }


def profile(shapes: Mapping[str, Sequence[int | str | None]], *, rows: int, length: int, count: int) -> str:
    """Return shapes of inputs as TensorRT's provider reads them, as "pixels:1x3x96x96,tokens:1x48".

    `shapes` are a graph's: the first dimension of each is the batch, a name for "length" that of the texts, any other
    name the number of candidates.
    """
    return ",".join(
        f"{name}:{'x'.join(map(str, sizes))}"
        for name, sizes in concrete(shapes, rows=rows, length=length, count=count).items()
    )


def concrete(
    shapes: Mapping[str, Sequence[int | str | None]], *, rows: int, length: int, count: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a graph's inputs with its free dimensions set."""
    free = {"batch": rows, "length": length}
    return {
        name: (rows, *(size if isinstance(size, int) else free.get(str(size), count) for size in shape[1:]))
        for name, shape in shapes.items()
    }
