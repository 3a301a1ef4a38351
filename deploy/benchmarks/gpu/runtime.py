"""Bundles in ONNX Runtime on the GPU: where their nodes run, how far they differ from the CPU, and times by batch."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gpu.setting import CheckPart, CheckSetting, PartSkipped, Row
from models.bundle import SHIPPED, WEIGHTS
from models.encoder import Encoder
from models.errors import LikebutError
from models.runtime.device import CPU, NAMES, Device

LARGE = Path("build/large/bundle")  # ViT-B/32 with random weights: make build/large.built
CHANGES = ("in dark red", "with long sleeves and a pattern of small white dots")
ROWS = 16
BATCHES = (1, 2, 4, 8, 16, 32, 64)


def bundles(setting: CheckSetting) -> list[Path]:
    """Return the bundles to run: the shipped one, and that of B/32's size if it was made."""
    return [SHIPPED] if setting.dry or not LARGE.is_dir() else [SHIPPED, LARGE]


def devices(setting: CheckSetting) -> list[Device]:
    """Return the devices to try; the dry check has the CPU alone."""
    if setting.dry:
        return [CPU]
    if NAMES["cuda"][0] not in onnxruntime.get_available_providers():
        raise PartSkipped("this ONNX Runtime has no CUDA: install the gpu extra")
    engines = setting.folder / "engines"
    named = [("cuda", "float32"), ("cuda", "tf32"), ("tensorrt", "tf32"), ("tensorrt", "float16")]
    return [Device(provider, products, engines) for provider, products in named]  # type: ignore[arg-type]  # mypy reads literals as str


def name(device: Device) -> str:
    return f"{device.provider}, {device.precision}"


def placement(setting: CheckSetting) -> Iterator[Row]:
    """Yield the nodes of each graph by provider, and the operators that are left on the CPU."""
    for path in bundles(setting):
        for device in devices(setting):
            try:
                encoder = Encoder.open(path, device=device)
            except LikebutError as error:
                yield {
                    "bundle": path.name,
                    "device": name(device),
                    "graph": "–",
                    "nodes": "–",
                    "on the CPU": str(error),
                }
                continue
            for graph, placed in encoder.placement.items():
                nodes = ", ".join(f"{count} {provider}" for provider, count in placed.nodes.items())
                left = ", ".join(f"{operator} {count}" for operator, count in placed.on_cpu.items()) or "–"
                yield {
                    "bundle": path.name,
                    "device": name(device),
                    "graph": graph,
                    "nodes": nodes,
                    "on the CPU": left,
                }


def parity(setting: CheckSetting) -> Iterator[Row]:
    """Yield the largest difference of a component from the CPU's, with the tolerance, and the least cosine."""
    for path in bundles(setting):
        base = Encoder.open(path)
        pixels = images(base, setting.sized(ROWS, 2))
        expected = outputs(base, pixels)
        for device in devices(setting):
            try:
                encoder = Encoder.open(path, device=device)
            except LikebutError:
                continue  # the placement says why
            for output, values in outputs(encoder, pixels).items():
                difference = float(np.abs(values - expected[output]).max())
                cosine = float((values * expected[output]).sum(axis=1).min())
                yield {
                    "bundle": path.name,
                    "device": name(device),
                    "output": output,
                    "largest difference": f"{difference:.1e}",
                    "tolerance": f"{device.tolerance(base.manifest.tolerance):.1e}",
                    "least cosine": f"{cosine:.6f}",
                }


def images(encoder: Encoder, rows: int) -> NDArray[np.uint8]:
    """Return random pixels (B, 3, S, S)."""
    side = encoder.manifest.image_size
    return np.random.default_rng(0).integers(256, size=(rows, 3, side, side), dtype=np.uint8)


def outputs(encoder: Encoder, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return the embeddings of images, of texts and of composed queries."""
    texts = [CHANGES[row % len(CHANGES)] for row in range(len(pixels))]
    weight = encoder.manifest.text_weight
    return {
        "images": encoder.gallery(pixels),
        "texts": encoder.texts(texts),
        "queries": encoder.queries(pixels, texts, text_weight=weight),
    }


def latency(setting: CheckSetting) -> Iterator[Row]:
    """Yield milliseconds by batch size, after a warm-up of each, which is timed, too."""
    batches = BATCHES[:2] if setting.dry else BATCHES
    for path in bundles(setting):
        for device in devices(setting):
            try:
                encoder = Encoder.open(path, device=device, reference_cache_bytes=0)
            except LikebutError:
                continue  # the placement says why
            for batch in batches:
                pixels = images(encoder, batch)
                texts = [CHANGES[row % len(CHANGES)] for row in range(batch)]
                weight = encoder.manifest.text_weight
                ways: dict[str, Callable[[], object]] = {
                    "images ms": partial(encoder.gallery, pixels),
                    "texts ms": partial(encoder.texts, texts),
                    "queries ms": partial(encoder.queries, pixels, texts, text_weight=weight),
                }
                times = {way: f"{1000 * setting.seconds(run):.2f}" for way, run in ways.items()}
                yield {"bundle": path.name, "device": name(device), "batch": batch, **times}


def gallery_graph(setting: CheckSetting) -> Iterator[Row]:
    """Yield the gallery's graph as it is, with inputs and outputs bound to the device, and rounded to float16."""
    import onnx  # of the train extra; the parts above need none of it
    from onnxruntime.transformers import float16

    path = bundles(setting)[-1]
    graph, encoder = path / "gallery.onnx", Encoder.open(path)
    copied = setting.folder / "gallery-float32"
    copied.mkdir(parents=True, exist_ok=True)
    for file in (graph, path / WEIGHTS):  # onnx reads no weights that have hard links, as those of a bundle may
        shutil.copyfile(file, copied / file.name)
    half = onnx.load(copied / graph.name)
    half = float16.convert_float_to_float16(half, keep_io_types=True, disable_shape_infer=True)
    rounded = setting.folder / "gallery-float16.onnx"
    onnx.save_model(half, rounded)  # half of B/32 fits one protocol buffer
    device = devices(setting)[0]
    place = "cpu" if setting.dry else "cuda"
    for batch in (1, setting.sized(16, 2)):
        pixels = images(encoder, batch)
        expected = encoder.gallery(pixels)
        for way, file, bound in (("float32", graph, False), ("float32", graph, True), ("float16", rounded, False)):
            options = onnxruntime.SessionOptions()
            if setting.dry and file is rounded:  # the optimiser crashes on float16 for the CPU
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = onnxruntime.InferenceSession(str(file), options, device.providers(None), enable_fallback=0)
            binding = session.io_binding()
            binding.bind_ortvalue_input("pixels", onnxruntime.OrtValue.ortvalue_from_numpy(pixels, place, 0))
            binding.bind_output("vector", place)
            if bound:
                taken = setting.seconds(partial(session.run_with_iobinding, binding))
            else:
                taken = setting.seconds(partial(session.run, None, {"pixels": pixels}))
            (values,) = session.run(None, {"pixels": pixels})
            yield {
                "gallery.onnx of": path.name,
                "weights": way,
                "inputs": "on the device" if bound else "from numpy",
                "batch": batch,
                "ms": f"{1000 * taken:.2f}",
                "largest difference": f"{float(np.abs(values - expected).max()):.1e}",
            }


PARTS = (
    CheckPart("placement", placement),
    CheckPart("parity", parity),
    CheckPart("latency", latency, least_s=20.0),
    CheckPart("float16 and bound inputs", gallery_graph),
)
