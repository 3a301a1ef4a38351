"""A session says where its nodes run, warms up the shapes of its batches, and gives the same by parts."""

from pathlib import Path

import numpy as np
import pytest

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import BundleBroken
from models.runtime.device import CPU, Device
from models.runtime.session import OnnxSession, Placement

LENGTH = Bundle.open(SHIPPED).manifest.context_length


@pytest.fixture(scope="module")
def text() -> OnnxSession:
    return OnnxSession(SHIPPED / "text.onnx", threads=1)


def test_all_nodes_of_a_graph_are_counted(text: OnnxSession) -> None:
    (provider,) = text.placement.nodes
    assert provider == "cpu" and text.placement.nodes["cpu"] > 100 and not text.placement.on_cpu


def test_operators_that_a_gpu_leaves_to_the_cpu_are_named_but_those_of_shapes() -> None:
    nodes = [
        *[("CUDAExecutionProvider", "MatMul")] * 3,
        ("TensorrtExecutionProvider", "Fused"),
        ("CPUExecutionProvider", "Shape"),
        *[("CPUExecutionProvider", "ArgMax")] * 2,
        ("SomeExecutionProvider", "Conv"),
    ]
    placement = Placement.of_assignment(nodes, Device("cuda"))
    assert placement.nodes == {"cuda": 3, "tensorrt": 1, "cpu": 3, "SomeExecutionProvider": 1}
    assert placement.on_cpu == {"ArgMax": 2}
    assert Placement.of_assignment(nodes, CPU).on_cpu == {}


def test_a_session_warms_up_every_shape(text: OnnxSession) -> None:
    text.warm_up(range(1, 4), length=LENGTH)


def test_an_encoder_warms_up_all_its_graphs_and_answers_as_before() -> None:
    encoder = Encoder.open(SHIPPED, threads=1)
    before = encoder.texts(["a red dress"])
    encoder.warm_up(2)
    assert set(encoder.placement) == set(Bundle.open(SHIPPED).graphs)
    np.testing.assert_array_equal(before, encoder.texts(["a red dress"]))


def test_more_rows_than_an_engine_takes_are_several_runs(text: OnnxSession, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.random.default_rng(0).integers(5, 900, size=(150, LENGTH))
    tokens[:, -1] = 2
    whole = text.run({"tokens": tokens})["vector"]
    monkeypatch.setattr(text, "_device", Device("tensorrt"))  # its engines take 64 rows
    np.testing.assert_allclose(text.run({"tokens": tokens})["vector"], whole, atol=2e-6)


def test_a_graph_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleBroken, match="does not load"):
        OnnxSession(tmp_path / "text.onnx", threads=1)
