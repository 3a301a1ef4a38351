"""States of a shop's images are computed once, survive a kill, and name the images that are broken."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import preprocess
from models.errors import InputError
from models.preprocess import Resize
from tests.models import tiny
from training.data.shop.states import ImageStates


def images(folder: Path, count: int) -> list[str]:
    draw = np.random.Generator(np.random.PCG64(0))
    paths = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
        paths.append(str(path))
    return paths


def test_states_are_those_of_the_tower_and_are_computed_once(tmp_path: Path) -> None:
    net, paths = tiny.backbone(end=3), images(tmp_path, 70)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    every = [*paths[:5], str(broken), *paths[5:]]
    states = ImageStates(net, tmp_path / "features")
    assert set(states.add(every)) == {str(broken)}
    pixels = [preprocess.pixels(preprocess.decode(Path(path).read_bytes()), Resize(tiny.SIZE)) for path in paths]
    with torch.no_grad():
        expected = net.image_states(torch.from_numpy(np.stack(pixels))).half().numpy()
    np.testing.assert_allclose(states.states[states.rows(paths)], expected, atol=2e-3)

    again = ImageStates(net, tmp_path / "features")
    written = next((tmp_path / "features").glob("*/states")).stat().st_mtime_ns
    assert set(again.add(every)) == {str(broken)}
    assert next((tmp_path / "features").glob("*/states")).stat().st_mtime_ns == written
    assert np.array_equal(again.states[again.rows(paths)], states.states[states.rows(paths)])
    with pytest.raises(InputError, match="has changed"):
        again.rows([str(broken)])


def test_a_killed_run_goes_on_after_the_last_whole_block(tmp_path: Path) -> None:
    net, paths = tiny.backbone(end=3), images(tmp_path, 70)
    whole = ImageStates(net, tmp_path / "whole")
    whole.add(paths)
    half = ImageStates(net, tmp_path / "half")
    half.add(paths[:64])
    file = next((tmp_path / "half").glob("*/states"))
    with file.open("ab") as states:
        states.write(b"half a block that no line names")
    half = ImageStates(net, tmp_path / "half")
    assert half.add(paths) == {}
    assert np.array_equal(half.states[half.rows(paths)], whole.states[whole.rows(paths)])


def test_an_image_that_changes_is_computed_again(tmp_path: Path) -> None:
    net, paths = tiny.backbone(end=3), images(tmp_path, 2)
    states = ImageStates(net, tmp_path / "features")
    states.add(paths)
    Image.new("RGB", (64, 64), "red").save(paths[0])
    with pytest.raises(InputError, match="has changed"):
        states.rows(paths)
    states.add(paths)
    assert len(states.states) == 3
