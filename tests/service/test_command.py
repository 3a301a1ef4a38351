"""The command line and the settings: `serve` and `search`, and how they refuse."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models import cli
from models.bundle import SHIPPED
from models.errors import ConfigError
from service.__main__ import main
from service.settings import Settings


def test_options_override_settings_of_the_environment() -> None:
    environment = {"LIKEBUT_PORT": "9000", "LIKEBUT_MAX_K": "50", "HOME": "/"}
    settings = Settings.read(environment, {"port": "9001", "gallery": None, "host": "::1"})
    assert (settings.port, settings.max_k, settings.host) == (9001, 50, "::1")
    assert settings.bundle == SHIPPED and settings.gallery == Path("gallery")


@pytest.mark.parametrize(
    ("name", "value"), [("LIKEBUT_SERVICE_HOST", "10.0.0.7"), ("LIKEBUT_PORT", "tcp://10.0.0.7:8000")]
)
def test_an_address_that_kubernetes_adds_is_refused_with_the_way_out(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} .*enableServiceLinks"):
        Settings.read({name: value}, {})


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"LIKEBUT_PROT": "1"}, {}, "LIKEBUT_PROT is not a setting"),
        ({"LIKEBUT_SERVICE_HOSTS": "10.0.0.7"}, {}, "LIKEBUT_SERVICE_HOSTS is not a setting"),
        ({"LIKEBUT_PORT_8000": "tcp://10.0.0.7:8000"}, {}, "LIKEBUT_PORT_8000 is not a setting"),
        ({"LIKEBUT_PROVIDER": "gpu"}, {}, "LIKEBUT_PROVIDER cannot be 'gpu'"),
        ({"LIKEBUT_PROVIDER": "cuda", "LIKEBUT_PRODUCTS": "float16"}, {}, "LIKEBUT_PRODUCTS cannot be 'float16'"),
        ({"LIKEBUT_PORT": "many"}, {}, "LIKEBUT_PORT cannot be 'many'"),
        ({"LIKEBUT_PORT": "1"}, {"port": "70000"}, "--port cannot be '70000'"),
        ({}, {"max_k": "0"}, "--max-k cannot be '0'"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(environment: dict[str, str], options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Settings.read(environment, options)


@pytest.mark.parametrize("given", ["inf", "-inf", "nan", "1e9"])
def test_numbers_without_a_bound_are_refused(given: str) -> None:
    endless = [name for name, field in Settings.model_fields.items() if field.annotation is float]
    assert len(endless) >= 4
    for name in [*endless, "grace_s"]:
        with pytest.raises(ConfigError, match=f"LIKEBUT_{name.upper()} cannot be '{given}'"):
            Settings.read({f"LIKEBUT_{name.upper()}": given}, {})


@pytest.mark.slow
def test_the_search_command_prints_hits(
    gallery: Path, image_file: Callable[..., bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.png").write_bytes(image_file("tent", "blue"))
    assert main(["search", "--gallery", str(gallery), "--image", str(tmp_path / "x.png"), "-k", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split(maxsplit=2)[1:] == ["blue-tent", "Blue Tent"] and len(second.split()) == 4
    assert main(["search", "--gallery", str(gallery), "--item", "blue-tent", "--text", "in red", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["hits"]) == 10 and "blue-tent" not in [hit["id"] for hit in found["hits"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "--text", "x", "--gallery", "/nowhere"], "no gallery is at /nowhere"),
        (["search", "--text", "x", "--bundle", "/nowhere"], "manifest.json"),
        (["search", "--image", "/nowhere.png"], "/nowhere.png cannot be read"),
        (["search", "--image", "/dev/zero"], "/dev/zero is no regular file"),
        (["search", "--image", "http://a.example/x.png"], "name an image file of this machine"),
        (["serve", "--port", "x"], "--port cannot be 'x'"),
        (["serve", "--bundle", "/nowhere", "--port", "0"], "manifest.json"),
    ],
)  # fmt: skip
def test_an_expected_failure_is_one_sentence(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "service", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_control_characters_of_a_catalogue_do_not_reach_the_terminal() -> None:
    assert cli.printable("li\nne \x1b[31mrød\u202e") == "li\\nne \\x1b[31mrød\\u202e"


def test_a_search_for_nothing_is_refused(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--gallery", str(gallery)]) == 2
    assert "give an image, a text, or both" in capsys.readouterr().err
    assert main(["search", "--gallery", str(gallery), "--item", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


@pytest.mark.parametrize("empty", [False, True])
def test_the_start_prints_address_and_gallery(gallery: Path, shop: Path, tmp_path: Path, empty: bool) -> None:
    command = [
        sys.executable,
        "-m",
        "service",
        "serve",
        "--port",
        "0",
        "--gallery",
        str(tmp_path if empty else gallery),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first, second = process.stderr.readline(), process.stderr.readline()
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert first.startswith("likebut: serving http://127.0.0.1:")
    if empty:
        assert second.startswith(f"likebut: nothing to search: no gallery is at {tmp_path}")
    else:
        assert second == f"likebut: 30 items of {shop}\n"


def test_a_port_in_use_is_named(gallery: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "service", "serve", "--port", str(taken.getsockname()[1])],
            env={**os.environ, "LIKEBUT_GALLERY": str(gallery)}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2 and "choose another with --port" in done.stderr
