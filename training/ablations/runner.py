"""Runner of the table: trains, exports and evaluates each row in the same way, and writes the table."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from models import cli
from models.errors import ConfigError
from training.ablations import hard_protocol, results
from training.ablations.rows import CONFIGS, ROWS, AblationRow
from training.methods import config


def main(argv: Sequence[str]) -> int:
    """Run the requested rows, and print or write the table of all rows that have a result."""
    parser = argparse.ArgumentParser(prog="python -m training.ablations.runner", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", metavar="A,B", help=f"instead of all: some of {', '.join(names)}")
    parser.add_argument("--jobs", type=cli.at_least(1), default=1, help="rows that run in parallel and share the cores")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs and of their cache")
    parser.add_argument("--configs", type=Path, default=CONFIGS, help="folder of the configs")
    parser.add_argument("--products", type=cli.at_least(2), default=5_000, help="items of the gallery")
    parser.add_argument("--queries", type=cli.at_least(1), default=2_500)
    parser.add_argument("--write", action="store_true", help="also write it to training/results and docs/benchmarks")
    parser.set_defaults(verb=_table)
    return cli.run(parser, argv)


def _table(arguments: argparse.Namespace) -> None:
    names = [row.name for row in ROWS] if arguments.rows is None else arguments.rows.split(",")
    runner = Runner(
        arguments.runs,
        configs=arguments.configs,
        products=arguments.products,
        queries=arguments.queries,
        threads=max(1, (os.cpu_count() or 1) // arguments.jobs),
    )
    failed = runner.run(with_needed(names), jobs=arguments.jobs)
    if failed:
        raise ConfigError(f"{', '.join(failed)} failed: see the logs in {arguments.runs}, then start again")
    found = results.read(arguments.runs)
    print(results.markdown(found))
    if arguments.write:
        results.write(found, Path())
        if harder := hard_protocol.read(arguments.runs):
            hard_protocol.write(harder, Path())


def with_needed(names: Sequence[str]) -> list[AblationRow]:
    """Return the rows of those names, after the rows that they depend on; raises ConfigError for an unknown name."""
    rows = {row.name: row for row in ROWS}
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise ConfigError(f"there is no row {unknown[0]!r}: choose from {', '.join(rows)}")
    needed = [mapping for name in names if (mapping := rows[name].mapping) is not None]
    return [rows[name] for name in dict.fromkeys([*needed, *(rows[name].run for name in names), *names])]


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs rows from their configs to their results, with the commands of the command line."""

    folder: Path  # of all runs
    configs: Path
    products: int
    queries: int
    threads: int  # of each command

    def run(self, rows: Sequence[AblationRow], *, jobs: int) -> list[str]:
        """Run the rows, `jobs` in parallel, without those that are done; return the names of those that failed."""
        first, *others = rows
        if not self._well(first):  # alone: it draws and computes the data that the others share
            return [first.name]
        runs = [[row for row in others if row.run == run] for run in dict.fromkeys(row.run for row in others)]
        with ThreadPoolExecutor(jobs) as pool:  # the rows of one run after each other
            return [name for failed in pool.map(self._failed, runs) for name in failed]

    def _failed(self, rows: Sequence[AblationRow]) -> list[str]:
        """Run the rows of one run in order; return the names of the first that failed and of all after it."""
        for number, row in enumerate(rows):
            if not self._well(row):
                return [each.name for each in rows[number:]]
        return []

    def commands(self, row: AblationRow) -> list[list[str]]:
        """Return the words after `likebut` that make the row's result."""
        out, same = self.folder / row.run, any(each.name == row.of and each.stage == row.stage for each in ROWS)
        bundle = (out if same else self.folder / row.name) / "bundle"
        train = ["train", str(self._config(row)), "--out", str(out), *(["--until", row.stage] if row.stage else [])]
        stage = ["--stage", row.stage] if row.stage else []
        taken = [] if row.mapping is None else ["--mapping", str(self.folder / row.mapping)]
        texts = [] if row.texts == "written" else ["--texts", row.texts]
        options = ["--bundle", str(bundle), "--products", str(self.products), "--cache", str(self.folder / "cache")]
        composed, words = results.files(self.folder, row)
        alone = ["evaluate", "pseudo-words", *options, "--out", str(words)]
        again = ["--rerank"] if row.rerank else []
        shop = ["evaluate", "catalogue", *options, "--queries", str(self.queries), *again]
        harder = hard_protocol.files(self.folder, row) if hard_protocol.has_hard_results(row) else {}
        return [
            *([] if row.of else [[*train, *taken]]),
            *([] if same else [["export", str(out), *stage, "--out", str(bundle)]]),
            *([alone] if row.words else []),
            [*shop, *texts, "--out", str(composed)],
            *([*shop, "--variant", "hard", "--texts", each, "--out", str(path)] for each, path in harder.items()),
        ]

    def _results(self, row: AblationRow) -> list[Path]:
        """Return the files that the row's commands write."""
        composed, words = results.files(self.folder, row)
        harder = hard_protocol.files(self.folder, row) if hard_protocol.has_hard_results(row) else {}
        return [composed, *([words] if row.words else []), *harder.values()]

    def _well(self, row: AblationRow) -> bool:
        """Run a row, unless its result exists and its config is the run's; return False if a command failed."""
        began, kept = time.monotonic(), self.folder / row.run / config.CONFIG_FILE
        done = all(result.exists() for result in self._results(row))
        if done and kept.exists() and config.read(kept) == config.read(self._config(row)):
            return True
        for each in ROWS if row.of is None else [row]:
            if each.run == row.run:
                for result in self._results(each):  # or an old result would stand for a run that is killed
                    result.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{row.name}.log").open("a", encoding="utf-8") as log:
            for words in self.commands(row):
                print(f"{row.name}: likebut {' '.join(words)}", file=sys.stderr, flush=True)
                environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
                command_line = [sys.executable, "-m", "likebut", *words]
                if subprocess.run(command_line, stdout=log, stderr=log, env=environment).returncode:
                    print(f"{row.name}: failed, see {log.name}", file=sys.stderr, flush=True)
                    return False
        print(f"{row.name}: done in {(time.monotonic() - began) / 60:.0f} min", file=sys.stderr, flush=True)
        return True

    def _config(self, row: AblationRow) -> Path:
        return self.configs / f"{row.config}.toml"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
