"""Bundles in 8 bits beside those that they were made from: speed, cosine and size; writes docs/benchmarks/quantized.md.

Each pair is a bundle and what `likebut quantize` made of it. Both run by turns, on drawn images and their texts, with
one thread for each core. Rows are kept in --rows, so that large bundles can be measured one at a time, and each way as
soon as it is timed, so that a run that is stopped goes on; --write writes the page from all of them. --products
compares ways to multiply in 8 bits instead.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, numpy_helper

import shop
import under_load
from models import bundle
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from training.bundles.quantize import quantize
from training.catalogue.triplets import draw_questions
from training.catalogue.world import sample
from training.data.drawn import images

PAGE = Path("docs/benchmarks/quantized.md")
ROWS = Path("docs/benchmarks/quantized.json")
BATCH, ROUNDS, SECONDS = 16, 25, 6.0
Way: TypeAlias = Callable[[Encoder], NDArray[np.float32]]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="*", metavar="BUNDLE", help="a bundle, and the same in 8 bits")
    parser.add_argument("--name", help="of the model in the table")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--losses", type=Path, metavar="JSON", help="what `likebut quantize --json` printed of it")
    parser.add_argument("--galleries", type=Path, nargs=2, help="of each of the pair: measures a service, too")
    parser.add_argument("--shop", type=Path, help="the drawn catalogue that both galleries were built from")
    parser.add_argument("--products", action="store_true", help="compare ways to multiply")
    parser.add_argument("--write", action="store_true", help="write the page")
    arguments = parser.parse_args(argv)
    rows = json.loads(arguments.rows.read_text()) if arguments.rows.exists() else {}
    if arguments.pairs:
        first, second = arguments.pairs
        row = rows.setdefault("bundles", {}).setdefault(arguments.name, {})
        for _ in measured(first, second, row):
            write(arguments.rows, rows)
        if arguments.galleries is not None:
            row["service"] = served([first, second], arguments.galleries, arguments.shop)
    if arguments.losses is not None:
        rows.setdefault("losses", {})[arguments.name] = json.loads(arguments.losses.read_text())["losses"]
    if arguments.products:
        rows["products"] = products()
    write(arguments.rows, rows)
    text = page(rows)
    print(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0


def write(file: Path, rows: dict[str, Any]) -> None:
    """Keep what is measured so far."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1) + "\n")


def measured(first: Path, second: Path, row: dict[str, Any]) -> Iterator[str]:
    """Write into `row` sizes, cosines, and times in ms by way, [before, after], and yield after each what it was.

    Ways that have a time are not run again.
    """
    mib = [sum(file.stat().st_size for file in path.iterdir()) / 2**20 for path in (first, second)]
    if row.get("mib") != mib:  # of other bundles
        row.clear()
    encoders = [Encoder.open(path, reference_cache_bytes=0) for path in (first, second)]
    resize = encoders[0].manifest.resize
    questions = draw_questions(sample.catalogue(200, split="test", seed=7), BATCH, seed=7)
    pixels = np.stack(
        [images.product_pixels(question.reference, resize=resize) for question in questions]
    )  # (B, 3, S, S)
    texts = [question.modification.text for question in questions]
    weight = encoders[0].manifest.text_weight
    ways: dict[str, Way] = {
        "image": lambda encoder: encoder.gallery(pixels[:1]),
        f"{BATCH} images": lambda encoder: encoder.gallery(pixels),
        "text": lambda encoder: encoder.texts(texts[:1]),
        "query": lambda encoder: encoder.queries(pixels[:1], texts[:1], text_weight=weight),
        f"{BATCH} queries": lambda encoder: encoder.queries(pixels, texts, text_weight=weight),
    }
    row |= {"method": encoders[0].manifest.method, "mib": mib}
    times, cosines = row.setdefault("times", {}), row.setdefault("cosines", {})
    for name, way in ways.items():
        if name not in times:
            times[name] = by_turns(way, encoders)
            yield name
    for name in (f"{BATCH} images", f"{BATCH} queries"):
        if name not in cosines:
            before, after = (ways[name](encoder) for encoder in encoders)
            cosines[name] = float((before * after).sum(axis=1).min())
            yield name


def served(bundles: Sequence[Path], galleries: Sequence[Path], folder: Path) -> dict[str, list[float]]:
    """Searches a second of many callers, and the median ms of one, of a service of each; both by turns, medians."""
    per_second: list[list[float]] = [[], []]
    one_ms: list[list[float]] = [[], []]
    with ExitStack() as stack:
        bodies = stack.enter_context(shop.bodies(folder))
        services = []
        for bundle_path, gallery in zip(bundles, galleries, strict=True):
            place = argparse.Namespace(bundle=bundle_path, gallery=gallery)
            _, address = stack.enter_context(shop.served(place, "--reference-cache-mb", "0", nice=under_load.NICE))
            services.append(under_load.Under(address, bodies))
            services[-1].load("--callers", 4)
        for _ in range(under_load.ROUNDS):
            for number, service in enumerate(services):
                one_ms[number].append(1000 * median(under_load.times(service.load("--callers", 1))))
                per_second[number].append(under_load.per_s(service.load("--callers", under_load.CALLERS)))
    return {"searches/s": [median(each) for each in per_second], "one caller, ms": [median(each) for each in one_ms]}


def by_turns(way: Way, encoders: Sequence[Encoder]) -> list[float]:
    """The median milliseconds of each."""
    took: list[list[float]] = [[] for _ in encoders]
    for encoder in encoders:
        way(encoder)
    end = time.perf_counter() + SECONDS
    while len(took[-1]) < 3 or (time.perf_counter() < end and len(took[-1]) < ROUNDS):
        for encoder, times in zip(encoders, took, strict=True):
            began = time.perf_counter()
            way(encoder)
            times.append(1000 * (time.perf_counter() - began))
    return [median(times) for times in took]


def products() -> list[dict[str, object]]:
    """Times in ms and relative errors of one product (rows, K) (K, N), by the way to multiply."""
    found = []
    for inputs, outputs in ((768, 3072), (3072, 768), (768, 768)):
        draw = np.random.Generator(np.random.PCG64(0))
        matrix = draw.normal(0, 0.02, (inputs, outputs)).astype(np.float32)
        rows = draw.normal(size=(BATCH * 50, inputs)).astype(np.float32)
        rows *= np.exp(draw.normal(size=(len(rows), 1))).astype(np.float32)  # tokens differ in size
        exact = rows @ matrix
        graphs = {"float32": plain(matrix), **operators(matrix), "ours": rewritten(matrix)}
        row: dict[str, object] = {"shape": [len(rows), inputs, outputs]}
        for name, content in graphs.items():
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            took = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                out = session.run(None, {"x": rows})[0]
                took.append(1000 * (time.perf_counter() - began))
            row[name] = [median(took), float(np.linalg.norm(out - exact) / np.linalg.norm(exact))]
        found.append(row)
    return found


def plain(matrix: NDArray[np.float32]) -> bytes:
    """A graph of one product."""
    return graph(helper.make_node("MatMul", ["x", "w.matrix"], ["y"]), {"w.matrix": matrix})


def operators(matrix: NDArray[np.float32]) -> dict[str, bytes]:
    """The same by two operators of ONNX Runtime's own."""
    inputs, outputs = matrix.shape
    scales = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    codes = np.rint(matrix / scales).astype(np.int8)
    whole = {"w": codes, "s": scales, "z": np.zeros(outputs, np.int8)}
    dynamic = helper.make_node("DynamicQuantizeMatMul", ["x", *whole], ["y"], domain="com.microsoft")
    blocks = {"w": (codes.astype(np.int16) + 128).astype(np.uint8).T.reshape(outputs, -1, 64).copy()}
    blocks |= {"s": np.repeat(scales, inputs // 64)}
    sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": 64, "accuracy_level": 4}
    in_blocks = helper.make_node("MatMulNBits", ["x", *blocks], ["y"], domain="com.microsoft", **sizes)
    return {"DynamicQuantizeMatMul": graph(dynamic, whole), "MatMulNBits": graph(in_blocks, blocks)}


def rewritten(matrix: NDArray[np.float32]) -> bytes:
    """The same as `likebut quantize` makes it of a bundle."""
    with TemporaryDirectory() as folder:
        files = {f"{name}.onnx": plain(matrix) for name in bundle.QUERY_WHOLE} | {bundle.WEIGHTS: b"\0"}
        bundle.write(Path(folder) / "one", files, Bundle.open(SHIPPED).manifest)
        found = quantize(Bundle.open(Path(folder) / "one"))
        proto = onnx.load_from_string(bytes(found.files["gallery.onnx"]))
        (Path(folder) / bundle.WEIGHTS).write_bytes(found.files[bundle.WEIGHTS])
        external_data_helper.load_external_data_for_model(proto, folder)
        return bytes(proto.SerializeToString())


def graph(node: onnx.NodeProto, tensors: dict[str, NDArray[np.generic]]) -> bytes:
    """A model of one operator, x → y."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    constants = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    whole = helper.make_graph([node], "product", ends[:1], ends[1:], constants)
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(whole, opset_imports=domains, ir_version=9).SerializeToString())


def page(rows: dict[str, Any]) -> str:
    """The tables as Markdown."""
    lines = [
        "# Bundles in 8 bits\n",
        "`deploy/benchmarks/quantized.py` beside bundles in float32, which ran by turns with them:"
        f" {os.cpu_count()} cores ({platform.machine()}, with AVX-512 VNNI), ONNX Runtime {onnxruntime.__version__}."
        " [How it is done](../models.md#in-8-bits).\n",
    ]
    bundles = rows.get("bundles", {})
    if bundles:
        ways = list(next(iter(bundles.values()))["times"])
        lines += [
            f"Milliseconds before → after, and how many times faster; {BATCH} at once are one batch, and texts have"
            " their own length. The cosine is the least of 16 drawn images, and of 16 composed queries. Models with"
            " random weights show the speed only; `deploy/benchmarks/train/step.py CONFIG --batch 4 --steps 0 --export"
            " BUNDLE` makes them, of the configs in training/configs.\n",
            f"| model | {' | '.join(ways)} | MiB | cosine of images | of queries |",
            "|---" * (len(ways) + 4) + "|",
        ]
    for name, row in bundles.items():
        cells = [f"{a:.1f} → {b:.1f}, **{a / b:.2f}**" for a, b in row["times"].values()]
        cosines = [f"{value:.4f}" for value in row["cosines"].values()]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {row['mib'][0]:.0f} → {row['mib'][1]:.0f} | {' | '.join(cosines)} |"
        )
    services = {name: row["service"] for name, row in bundles.items() if "service" in row}
    if services:
        lines += [
            f"\nA service of each, by turns, composed queries with images never seen: searches a second of"
            f" {under_load.CALLERS} callers, and the median milliseconds of one.\n",
            "| model | searches/s | one caller, ms |",
            "|---|---|---|",
        ]
        for name, row in services.items():
            (slow, fast), (before, after) = row["searches/s"], row["one caller, ms"]
            many, one = f"{slow:.1f} → {fast:.1f}, **{fast / slow:.2f}**", f"{before:.1f} → {after:.1f}"
            lines.append(f"| {name} | {many} | {one}, **{before / after:.2f}** |")
    known = rows.get("losses", {})
    if known:
        lines += [
            "\nRecall on the val split of a drawn shop, before → after, with the loss and its 95 % interval, paired by"
            " query, as `likebut quantize` prints it:\n",
            "| model | queries | metric | before | after | lost |",
            "|---|---|---|---|---|---|",
        ]
        for name, losses in known.items():
            for loss in losses:
                lost = loss["lost"]
                cell = f"{lost['value']:+.4f} [{lost['low']:+.4f}, {lost['high']:+.4f}]"
                before, after = f"{loss['before']:.4f}", f"{loss['after']:.4f}"
                lines.append(f"| {name} | {loss['way']} | {loss['metric']} | {before} | {after} | {cell} |")
    if "products" in rows:
        names = list(rows["products"][0])[1:]
        lines += [
            "\nOne product of 800 rows of different sizes, on one thread (`--products`): milliseconds, and the error as"
            " a share of the result. DynamicQuantizeMatMul, which `onnxruntime.quantization` leads to, takes one scale"
            " for all rows; MatMulNBits one for each 64 numbers of a row; ours one for each row.\n",
            f"| K × N | {' | '.join(names)} |",
            "|---" * (len(names) + 1) + "|",
        ]
        for row in rows["products"]:
            cells = [f"{row[name][0]:.1f} ms, {row[name][1]:.4f}" for name in names]
            lines.append(f"| {row['shape'][1]} × {row['shape'][2]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
