"""Kills `likebut triplets make` at random moments, resumes it, and checks that no answer was asked twice and none lost.

`answers` is about how many the run takes in all: a caption a picture and a text a pair. Prints a line for each kill and
one for the whole run; fails where an answer of before a kill is gone or was given anew.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random

from training.triplets import store, write

Answers = Mapping[bytes, tuple[float, str]]  # the seconds that each took, which no second asking would take, and it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path, help="a folder that is not there yet")
    parser.add_argument("answers", type=int)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.out.exists():
        sys.exit(f"{arguments.out} is there already: name a new folder, so that every answer is asked for")
    arguments.out.mkdir(parents=True)
    command = [sys.executable, "-m", "training", "triplets", "make", str(arguments.config), "--out", str(arguments.out)]
    random = Random(arguments.seed)
    before: Answers = {}
    for after in sorted(random.sample(range(1, arguments.answers), arguments.kills)):
        now = killed(command, arguments.out, after=after, late_s=random.uniform(0, 0.5))
        check(before, now)
        before = now
        print(f"killed at {len(now)} answers, triplets there: {(arguments.out / write.TRIPLETS).exists()}", flush=True)
    begun = time.monotonic()
    with log(arguments.out).open("ab") as file:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=file, check=True)
    now = answers(arguments.out)
    check(before, now)
    triplets = (arguments.out / write.TRIPLETS).read_text(encoding="utf-8").splitlines()
    pairs = {(row["reference"], row["target"]) for row in map(json.loads, triplets)}
    print(
        f"resumed in {time.monotonic() - begun:.0f} s: {len(now)} answers, none asked twice, none lost; "
        f"{len(triplets)} triplets of {len(pairs)} pairs"
    )


def killed(command: list[str], out: Path, *, after: int, late_s: float) -> Answers:
    """Kill the run shortly after `after` answers and return what is stored; fails if the run ends before."""
    with log(out).open("ab") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
    while len(answers(out)) < after:
        if process.poll() is not None:
            sys.exit(f"the run ended before {after} answers: lower `answers`, or see {log(out)}")
        time.sleep(0.05)
    time.sleep(late_s)
    process.kill()
    process.wait()
    return answers(out)


def answers(out: Path) -> Answers:
    """All that the store keeps."""
    if not (out / store.FILE).exists():
        return {}
    with closing(sqlite3.connect(out / store.FILE)) as database:
        try:
            return {
                key: (seconds, text)
                for key, seconds, text in database.execute("SELECT key, seconds, text FROM answers")
            }
        except sqlite3.OperationalError:  # the table is not made yet
            return {}


def check(before: Answers, now: Answers) -> None:
    """Fails where an answer is gone or another."""
    lost = len(before.keys() - now.keys())
    anew = sum(now[key] != answer for key, answer in before.items() if key in now)
    if lost or anew:
        sys.exit(f"{lost} answers were lost and {anew} asked for twice")


def log(out: Path) -> Path:
    """Log of the runs."""
    return out / "log.txt"


if __name__ == "__main__":
    main()
