"""CPU time, latency and searches a second of this service beside those of another checkout; prints a Markdown table.

Both services run at once and are measured in turn, several rounds, by load.py; medians of the ratios, this one's by the
other's, are given. The CPU time of a search is that of the service with its child processes, while many callers ask: on
a machine that others use it is the steadiest figure. Images of 800 pixels are the shop's own, enlarged.
"""

import io
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

import shop
from peers.processes import cpu_seconds

LOAD = Path(__file__).parents[1] / "load.py"
ALL = ("text", "json", "form", "form800")
CALLERS = 16


def main(argv: Sequence[str]) -> int:
    parser = shop.parser(__doc__)
    parser.add_argument("--other", type=Path, required=True, help="checkout to compare with")
    parser.add_argument("--kinds", nargs="+", choices=ALL, default=ALL)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        bodies = {kind: written(kind, shop.composed(arguments.shop), folder) for kind in arguments.kinds}
        words = ("--max-waiting", "1000", "--reference-cache-mb", "0")
        services = [
            stack.enter_context(shop.served(arguments, *words, checkout=checkout))
            for checkout in (Path(__file__).parents[3], arguments.other)
        ]
        measured: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[], []])
        for turn in range(arguments.rounds + 1):
            for kind in arguments.kinds:
                for number in (0, 1) if turn % 2 else (1, 0):
                    service, address = services[number]
                    before = cpu_seconds(service.pid)
                    many = load(address, bodies[kind], kind, CALLERS, arguments.seconds)
                    spent = cpu_seconds(service.pid) - before
                    alone = load(address, bodies[kind], kind, 1, arguments.seconds / 2)
                    if turn:  # the first is to warm up
                        measured[kind, "CPU ms"][number].append(1000 * spent / len(many))
                        measured[kind, "searches/s"][number].append(len(many) / arguments.seconds)
                        measured[kind, "p50 alone, ms"][number].append(1000 * median(alone))
    print("| query | figure | this | other | this / other |\n|---|---|---|---|---|")
    for (kind, figure), (own, others) in measured.items():
        ratio = median(one / other for one, other in zip(own, others, strict=True))
        print(f"| {kind} | {figure} | {median(own):.2f} | {median(others):.2f} | {ratio:.3f} |")
    return 0


def written(kind: str, queries: Sequence[tuple[bytes, str]], folder: Path) -> Path:
    """Writes searches of one kind as load.py reads them."""
    file = folder / f"{kind}.jsonl"
    some = queries[:200]
    if kind == "form800":
        some = [(enlarged(data), text) for data, text in some]
    file.write_text("\n".join(json.dumps(shop.body(None if kind == "text" else data, text)) for data, text in some))
    return file


def enlarged(data: bytes) -> bytes:
    """Return an image file with 800 pixels a side."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").resize((800, 800), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def load(address: str, bodies: Path, kind: str, callers: int, seconds: float) -> list[float]:
    """Return the seconds of each search that was answered."""
    command = [sys.executable, str(LOAD), address, str(bodies), "--seconds", str(seconds), "--callers", str(callers)]
    command += ["--form"] if kind.startswith("form") else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [took for status, took, _ in json.loads(done.stdout) if status == 200]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
