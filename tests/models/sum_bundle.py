"""The weighted sum of the shipped bundle's towers as a bundle: another model with the same space.

python -m tests.models.sum_bundle OUT
"""

import io
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import compose

from models import bundle
from models.bundle import SHIPPED, Bundle


def write(out: Path) -> None:
    """Write it: the query's graph is the gallery's beside the text's."""
    shipped = Bundle.open(SHIPPED)
    query, text = (
        compose.add_prefix(onnx.load(str(shipped.file(f"{name}.onnx")), load_external_data=False), f"{name}/")
        for name in ("gallery", "text")
    )
    for part in ("node", "initializer", "input", "output", "value_info"):
        getattr(query.graph, part).extend(getattr(text.graph, part))
    names = {"gallery/pixels": "pixels", "text/tokens": "tokens", "gallery/vector": "composed", "text/vector": "text"}
    for value in (*query.graph.input, *query.graph.output):
        value.name = names[value.name]
    for node in query.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    with np.load(shipped.file(bundle.SELF_TEST)) as archive:
        record = dict(archive)
    record |= {"composed": record["gallery"], "query_text": record["text"]}
    tests = io.BytesIO()
    np.savez(tests, allow_pickle=False, **record)
    left = ("compose.onnx", "reference.onnx", bundle.SELF_TEST)
    files = {name: shipped.file(name).read_bytes() for name in shipped.manifest.files if name not in left}
    files |= {"query.onnx": query.SerializeToString(), bundle.SELF_TEST: tests.getvalue()}
    own = {"method": "sum", "model_id": "sum-shipped", "template": "{text}", "slot": None, "text_weight": 0.5}
    bundle.write(out, files, shipped.manifest.model_copy(update=own))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
