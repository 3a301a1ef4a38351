"""Store of answers: durable at once, one run at a time, keyed by all that an answer depends on."""

import subprocess
import sys
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
