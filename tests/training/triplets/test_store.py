"""Store of answers: durable at once, one run at a time, keyed by all that an answer depends on."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigError, JobRunning
from training.triplets import store
from training.triplets.answers import Reply
from training.triplets.store import Store

REPLY = Reply("a coat", 10, 3)
# Stores an answer and is killed before it could close anything.
KILLED = """
import os, signal, sys
from pathlib import Path
from training.triplets.answers import Reply
from training.triplets.store import Store
with Store.open(Path(sys.argv[1])) as stored:
    stored.put(model="m", prompt="p", image="", attempt=0, reply=Reply("a coat", 10, 3), seconds=0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


# The table of the version that stored cut answers too, with a name of the model that holds the limit.
OLD_TABLE = """
CREATE TABLE answers (key BLOB PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, image TEXT NOT NULL,
    attempt INTEGER NOT NULL, text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL) WITHOUT ROWID;
"""


def put(stored: Store, **keys: Any) -> bytes:
    values: dict[str, Any] = {"model": "m", "prompt": "p", "image": "", "attempt": 0, **keys}
    stored.put(**values, reply=REPLY, seconds=0.5)
    return store.key(**values)


def test_an_answer_outlives_a_kill(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path])
    assert done.returncode == -9
    with Store.open(tmp_path) as stored:
        assert stored.get(store.key(model="m", prompt="p", image="", attempt=0)) == REPLY
        assert len(stored) == 1


def test_every_part_of_a_question_tells_answers_apart(tmp_path: Path) -> None:
    with Store.open(tmp_path) as stored:
        put(stored)
        keys = [put(stored, **part) for part in ({"model": "n"}, {"prompt": "q"}, {"image": "i"}, {"attempt": 1})]
        # joined plainly, these would run together with others
        keys += [put(stored, model="mp", prompt=""), put(stored, model="", prompt="mp")]
        assert len(set(keys)) == 6 and len(stored) == 7
        assert stored.get(store.key(model="m", prompt="never", image="", attempt=0)) is None


def test_only_one_run_at_a_time_may_ask(tmp_path: Path) -> None:
    with Store.open(tmp_path), pytest.raises(JobRunning, match="another run writes triplets"), Store.open(tmp_path):
        pass
    with Store.open(tmp_path):  # and the next one when that has ended
        pass


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / store.FILE).write_bytes(b"something else" * 99)
    with pytest.raises(ConfigError, match=r"answers\.sqlite cannot be used"), Store.open(tmp_path):
        pass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m temperature=0.0 max_tokens=64 image_side=0", "m temperature=0.0 image_side=0"),
        ("m 0123456789ab float32 64", "m 0123456789ab float32"),
        ("m 0123456789ab float32 64 + 9876543210ff", "m 0123456789ab float32 + 9876543210ff"),
    ],
)
def test_of_an_earlier_version_only_whole_answers_are_answers(tmp_path: Path, old: str, new: str) -> None:
    answers = {"whole": ("make it red", 5), "cut": ("change the dress to one with long", 64), "blank": (" ", 3)}
    with closing(sqlite3.connect(tmp_path / store.FILE, isolation_level=None)) as database:
        database.executescript(OLD_TABLE)
        for prompt, (text, tokens) in answers.items():
            key = store.key(model=old, prompt=prompt, image="", attempt=0)
            values = (key, old, prompt, "", 0, text, 10, tokens, 0.5)
            database.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    for _ in range(2):
        with Store.open(tmp_path) as stored:
            found = {prompt: stored.get(store.key(model=new, prompt=prompt, image="", attempt=0)) for prompt in answers}
        assert found == {"whole": Reply("make it red", 10, 5), "cut": None, "blank": None}
