"""Measures the bytes of an item in Milvus, and how fast a build fills a server; for `likebut capacity`.

The bytes are those of the fields of a row beside its vectors. Galleries of two sizes are built with milvus_gallery.py
on a server of this machine, given with the process id of its server, whose anonymous memory grows by what is printed:
the first gallery's growth has what the server takes once, too. With `--write` the figures go to
service/capacity/measured.json.

python deploy/benchmarks/vectors/milvus_memory.py milvus://127.0.0.1:19530/memory --pid 4711 --write
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.items.items import GalleryItem
from index.milvus.records import StoredItem

MEASURED = Path("service/capacity/measured.json")
GALLERY = Path("deploy/benchmarks/milvus_gallery.py")
SETTLED_S = 20.0  # after a build, for what the server drops


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of a server whose galleries with that name and a number may be replaced")
    parser.add_argument("--pid", type=int, required=True, help="process id of the server")
    parser.add_argument("--items", type=int, nargs=2, default=[100_000, 300_000])
    parser.add_argument("--write", action="store_true", help=f"also write it to {MEASURED}")
    arguments = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    for number, items in enumerate(arguments.items):
        before, worked = anonymous(arguments.pid), cpu_s(arguments.pid)
        address = f"{arguments.address}{number}"
        command = [sys.executable, str(GALLERY), address, "--items", str(items), "--changes", "2", "--queries", "50"]
        facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        time.sleep(SETTLED_S)
        rows.append(
            {
                "items": items,
                "dimension": facts["dimension"],
                "server_anonymous": anonymous(arguments.pid) - before,
                "server_cpu_s": round(cpu_s(arguments.pid) - worked, 1),
                "build_s": round(facts["build_s"], 1),
                "p50_ms": facts["search_1"]["ms"]["p50"],
                "recall": facts["search_1"]["recall"],
                "nprobe": facts["nprobe"],
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr)
    found = {"rows": rows, "fields_bytes": fields_bytes(), "date": time.strftime("%Y-%m-%d")}
    print(json.dumps(found))
    if arguments.write:
        facts = json.loads(MEASURED.read_text(encoding="utf-8"))
        facts["milvus"] = found
        MEASURED.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def fields_bytes() -> int:
    """Bytes of the fields of an item with two attributes, beside the vector and its text."""
    item = GalleryItem("item 1234567", "/images/567/1234567.jpg", {"category": "category 57", "price": 4999})
    record = StoredItem(1, item, 64 * "a", np.zeros(1, np.float16), "12345678:1234567890").record(["category", "price"])
    others = {name: value for name, value in record.items() if name not in ("vector", "code")}
    return len(json.dumps(others))


def anonymous(process: int) -> int:
    """Bytes of memory of the process that are no file's."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"the process {process} has no memory of its own")


def cpu_s(process: int) -> float:
    """CPU seconds of the process and its threads so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
