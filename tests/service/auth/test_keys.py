"""The key file: its content, its changes, and what happens if it breaks while the service runs."""

import hashlib
import json
import logging
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import ConfigError
from service.__main__ import main
from service.auth import keys
from service.auth.keys import KeyFile


def added(path: Path, name: str, role: keys.Role = "search") -> str:
    return keys.add(path, name=name, role=role, rate_per_s=None, burst=None)


def test_the_file_holds_the_hash_and_never_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    secret = keys.add(path, name="shop", role="search", rate_per_s=5, burst=9)
    assert re.fullmatch(r"likebut_[\w-]{43}", secret)  # 32 random bytes
    digest = hashlib.sha256(secret.encode()).hexdigest()
    line = {"name": "shop", "role": "search", "sha256": digest, "rate_per_s": 5.0, "burst": 9}
    assert json.loads(path.read_text()) == line
    assert path.stat().st_mode & 0o777 == 0o600
    assert added(path, "other") != secret
    assert [key.name for key in keys.read(path)] == ["shop", "other"]


def test_a_key_matches_only_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    secrets = {name: added(path, name) for name in ("a", "b", "c")}
    known = keys.read(path)
    for name, secret in secrets.items():
        found = keys.find(known, secret)
        assert found is not None and found.name == name
        for other in ("", secret[:-1], secret + "x", secret.upper(), keys.digest(secret), "é"):
            assert keys.find(known, other) is None


def test_the_mode_of_a_file_stays_and_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "keys", tmp_path / "link"
    link.symlink_to(path)
    added(link, "a")
    path.chmod(0o640)
    added(link, "b")
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == [".keys.lock", "keys", "link"]


def test_keys_added_concurrently_are_all_stored(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    code = "import sys; from pathlib import Path; from service.auth import keys\n"
    code += "for n in range(20): keys.add(Path(sys.argv[1]), name=sys.argv[2] + str(n), role='search',"
    code += " rate_per_s=None, burst=None)"
    processes = [subprocess.Popen([sys.executable, "-c", code, path, letter]) for letter in "abc"]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert {key.name for key in keys.read(path)} == {f"{letter}{n}" for letter in "abc" for n in range(20)}


GOOD = '{"name": "a", "role": "search", "sha256": "' + "0" * 64 + '"}'
SAME_NAME, SAME_KEY = GOOD.replace("0" * 64, "1" * 64), GOOD.replace('"a"', '"b"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "line 1 of "),
        (f"{GOOD}\n\n[]", "line 3 of "),
        ('{"name": "a", "role": "search", "key": "likebut_x"}', "line 1 of "),
        (GOOD.replace("search", "root"), "line 1 of "),
        (GOOD.replace("00", "zz"), "line 1 of "),
        (GOOD.replace('"a"', '"a b"'), "line 1 of "),
        (GOOD.replace("}", ', "rate_per_s": -1}'), "line 1 of "),
        (GOOD.replace("}", ', "rate_per_s": NaN}'), "line 1 of "),
        (GOOD.replace("}", ', "burst": 0}'), "line 1 of "),
        (GOOD.replace("}", ', "admin": true}'), "line 1 of "),
        (f"{GOOD}\n{SAME_NAME}", "line 2 of "),
        (f"{GOOD}\n{SAME_KEY}", "line 2 of "),
        ("\n" * 1_000_001, "more than 1000000 bytes"),
    ],
)  # fmt: skip
def test_an_invalid_key_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        keys.read(path)


def test_the_largest_key_file_is_read_quickly(tmp_path: Path) -> None:
    lines = (GOOD.replace('"a"', f'"{number}"').replace("0" * 64, f"{number:064x}") for number in range(8_000))
    (tmp_path / "keys").write_text("\n".join(lines))
    began = time.thread_time()
    assert len(keys.read(tmp_path / "keys")) == 8_000
    assert time.thread_time() - began < 1  # comparing each line with all before it would take 4 s


def test_a_changed_file_is_read_again_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    added(path, "a")
    file = KeyFile(path)
    assert [key.name for key in file.keys(100.0)] == ["a"]
    added(path, "b")
    keys.remove(path, "a")
    assert [key.name for key in file.keys(100.9)] == ["a"]  # checked a moment ago
    assert [key.name for key in file.keys(101.0)] == ["b"]
    keys.remove(path, "b")
    assert file.keys(102.0) == ()  # removed on purpose


def test_a_broken_file_keeps_the_old_keys_and_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    added(path, "a")
    file = KeyFile(path)
    before = file.keys(1.0)
    whole = path.read_text()
    path.write_text(whole + '{"name":')
    assert file.keys(2.0) == file.keys(3.0) == before
    path.unlink()
    assert file.keys(4.0) == file.keys(5.0) == before
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 2 and "line 2" in said[0] and path.name in said[1]
    path.write_text(whole)
    added(path, "b")
    assert [key.name for key in file.keys(6.0)] == ["a", "b"]


def test_a_missing_file_at_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        KeyFile(tmp_path / "nowhere")


def test_the_command_adds_lists_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "keys")
    assert main(["keys", "add", path, "--name", "shop", "--role", "search", "--rate", "2.5", "--burst", "7"]) == 0
    said = capsys.readouterr()
    secret = said.out.strip()
    assert secret.startswith("likebut_") and path in said.err and secret not in said.err
    assert main(["keys", "add", path, "--name", "ops", "--role", "admin"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", path]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["shop", "search", "2.5", "per", "second,", "7", "at", "once"], ["ops", "admin"],
    ]  # fmt: skip
    assert main(["keys", "list", path, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["keys"]
    assert [key["rate_per_s"] for key in listed] == [2.5, None]
    assert main(["keys", "remove", path, "--name", "shop"]) == 0
    for words, said_of_it in (
        (["remove", path, "--name", "shop"], "has no key shop"),
        (["add", path, "--name", "ops", "--role", "search"], " key ops"),
        (["add", path, "--name", "a b", "--role", "search"], "name cannot be 'a b'"),
        (["add", path, "--name", "x", "--role", "search", "--rate", "-1"], "rate_per_s cannot be -1"),
        (["list", str(tmp_path / "nowhere")], str(tmp_path / "nowhere")),
        (["add", str(tmp_path / "no" / "where"), "--name", "x", "--role", "search"], "No such file"),
    ):
        assert main(["keys", *words]) == 2
        assert said_of_it in capsys.readouterr().err
    assert [key.name for key in keys.read(Path(path))] == ["ops"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "\udcff", "ä"])
def test_a_name_that_no_key_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"name cannot be .*letters, digits and"):
        added(tmp_path / "keys", name)


@pytest.mark.process
def test_a_key_that_could_not_be_shown_is_not_added(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "service",
        "keys",
        "add",
        str(tmp_path / "keys"),
        "--name",
        "a",
        "--role",
        "search",
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert keys.read(tmp_path / "keys") == ()
