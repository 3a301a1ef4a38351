"""The servers that are compared with ours: how each is started, asked, and what it leaves out."""

import sys
import sysconfig
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVERS = Path(__file__).with_name("servers")
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Server:
    """A server as a process on a port of the loopback address; `kind` is image or text."""

    package: str
    command: Callable[[Path, "ShopFiles", int, int], list[str]]  # of its interpreter, the model, a port, the cores
    path: Callable[[str], str]
    image: Callable[[bytes], Body]
    text: Callable[[str], Body]
    ready: str
    graphs: str  # what it runs
    less: str  # what it leaves out of what ours does
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: str = ""  # a script of servers/ that makes the model of like size, in its own environment


@dataclass(frozen=True, slots=True)
class ShopFiles:
    """A bundle, the gallery and shop that it serves, the number of its items, and a folder for what is made here."""

    name: str
    items: int
    bundle: Path
    gallery: Path
    shop: Path
    folder: Path


def _script(name: str) -> Callable[[Path, ShopFiles, int, int], list[str]]:
    return lambda python, model, port, cores: [
        *(str(python), str(SERVERS / name)),
        *(str(model.bundle.absolute()), str(port), str(cores)),
    ]


def _ours(workers: str) -> Callable[[Path, ShopFiles, int, int], list[str]]:
    return lambda python, model, port, cores: [
        *(sys.executable, "-m", "service", "serve", "--port", str(port), "--drain-s", "0"),
        *("--max-waiting", "1000", "--reference-cache-mb", "0", *((f"--workers={workers}",) if workers else ())),
        *("--bundle", str(model.bundle), "--gallery", str(model.gallery)),
    ]


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _own(workers: str) -> Server:
    return Server(
        package="",
        command=_ours(workers),
        path=lambda kind: "/search",
        image=lambda data: {"image": {"base64": _base64(data)}},
        text=lambda text: {"text": text},
        ready="/readyz",
        graphs="the bundle",
        less="",
    )


def _tensor(data: str) -> Body:
    return {"inputs": [{"name": "data", "shape": [1, 1], "datatype": "BYTES", "data": [data]}]}


def _embedding(modality: str, value: str) -> Body:
    return {"model": "peer", "modality": modality, "input": [value], "encoding_format": "float"}


LARGE, FOLDER = Path("build/large"), Path("build/peers")
SIZES: Mapping[str, ShopFiles] = {
    "small": ShopFiles(
        "small", 5000, Path("models/bundles/two-stage"), Path("build/gallery"), Path("build/shop"), FOLDER / "small"
    ),
    "ViT-B/32": ShopFiles("ViT-B/32", 500, LARGE / "bundle", LARGE / "gallery", LARGE / "shop", FOLDER / "vit-b-32"),
}
EMBEDS = "answers with the vector: no search, hits, filters, keys, limits, log line or spelling"
OURS: Mapping[str, Server] = {"Likebut": _own(""), "Likebut, a worker each core": _own("0")}
# pytriton brings a libpython of its own, of another patch release than the interpreter's library
PRELOADED = str(Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or ""))
PEER_SERVERS: Mapping[str, Server] = {
    "LitServe": Server(
        package="litserve",
        command=_script("litserve_server.py"),
        path=lambda kind: f"/{kind}",
        image=lambda data: {"image": _base64(data)},
        text=lambda text: {"text": text},
        ready="/health",
        graphs="the bundle's graphs, a worker each core, batches of 8",
        less=EMBEDS,
    ),
    "Triton": Server(
        package="nvidia-pytriton",
        command=_script("triton_server.py"),
        path=lambda kind: f"/v2/models/{kind}/infer",
        image=lambda data: _tensor(_base64(data)),
        text=_tensor,
        ready="/v2/models/text/ready",
        graphs="the bundle's graphs, an instance each core, batches of 8",
        less=EMBEDS,
        environment={"LD_PRELOAD": PRELOADED} if PRELOADED.endswith(".1.0") else {},
    ),
    "infinity": Server(
        package="infinity-emb",
        command=lambda python, model, port, cores: [
            *(str(python.with_name("infinity_emb")), "v2", "--model-id", str(model.folder.absolute() / "clip")),
            *("--served-model-name", "peer", "--engine", "torch", "--device", "cpu", "--no-bettertransformer"),
            *("--host", "127.0.0.1", "--port", str(port), "--url-prefix", "", "--no-model-warmup"),
        ],
        path=lambda kind: "/embeddings",
        image=lambda data: _embedding("image", f"data:image/jpeg;base64,{_base64(data)}"),
        text=lambda text: _embedding("text", text),
        ready="/health",
        graphs="a CLIP of like size with random weights, by torch; at small, images go through two layers of a"
        " transformer, which cost less than the bundle's convolutions",
        less=EMBEDS,
        environment={"HF_HUB_OFFLINE": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"},
        prepare="clip_model.py",
    ),
    "clip-retrieval": Server(
        package="clip-retrieval",
        command=lambda python, model, port, cores: [
            *(str(python), str(SERVERS / "clip_retrieval_server.py")),
            *(str(model.folder.absolute() / name) for name in ("clip", "clip-retrieval")),
            *(str(model.items), str(port)),
        ],
        path=lambda kind: "/knn-service",
        image=lambda data: {"image": _base64(data), "modality": "image", "num_images": 20, "indice_name": "peer"},
        text=lambda text: {"text": text, "modality": "image", "num_images": 20, "indice_name": "peer"},
        ready="/indices-list",
        graphs="the same CLIP by torch, and a FAISS index of as many vectors",
        less="searches a FAISS index: no filters, changes, keys or limits; no batches",
        prepare="clip_model.py",
    ),
}
