"""clip-retrieval's own service over a CLIP of transformers and a FAISS index. Arguments: model, index, items, port.

Its index has as many random vectors as the gallery has items, since random weights find nothing anyway.
"""

import json
import sys
from pathlib import Path

import faiss
import flask
import numpy as np
import pandas
from clip_retrieval.clip_back import clip_back

model, folder, items, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
dimension = json.loads(Path(model, "config.json").read_text())["projection_dim"]
vectors = np.random.default_rng(0).standard_normal((items, dimension), dtype=np.float32)
faiss.normalize_L2(vectors)
index = faiss.IndexFlatIP(dimension)
index.add(vectors)
(folder / "metadata").mkdir(parents=True, exist_ok=True)
faiss.write_index(index, str(folder / "image.index"))
rows = [{"image_path": f"{n}.jpg", "caption": f"item {n}"} for n in range(items)]
pandas.DataFrame(rows).to_parquet(folder / "metadata" / "0.parquet")
paths = folder / "indices_paths.json"
paths.write_text(json.dumps({"peer": str(folder)}))

run = flask.Flask.run
flask.Flask.run = lambda app, **words: run(app, **{**words, "host": "127.0.0.1"})  # it would listen on all addresses
clip_back(
    indices_paths=str(paths),
    port=port,
    clip_model=f"hf_clip:{model}",
    use_jit=False,
    enable_mclip_option=False,
    provide_aesthetic_embeddings=False,
)
