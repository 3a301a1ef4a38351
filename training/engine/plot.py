"""Plot of a run's log: its loss and its validation recall over the steps."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def losses(log: Path, out: Path) -> None:
    """Plot the loss over the steps, and the validation recalls beside it if there are any, as a PNG.

    After a resume a step can occur twice in the log; the later line counts.
    """
    trained: dict[int, float] = {}
    validated: dict[int, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            facts = json.loads(line)
        except json.JSONDecodeError:  # a kill tore it
            continue
        if "loss" in facts:
            trained[facts["step"]] = facts["loss"]
        else:
            validated[facts["step"]] = {name: value for name, value in facts.items() if name.startswith("recall")}
    names = list(next(iter(validated.values()), {}))
    figure, ((left, *beside),) = pyplot.subplots(
        1, 2 if names else 1, figsize=(10 if names else 5, 4), layout="constrained", squeeze=False
    )
    left.plot(list(trained), list(trained.values()), linewidth=0.8, color="#35618e")
    left.set(xlabel="step", ylabel="loss", yscale="log")
    for right in beside:
        for name in names:
            values = [found[name] for found in validated.values()]
            right.plot(list(validated), values, marker="o", markersize=3, label=name.replace("recall_", "R@"))
        right.set(xlabel="step", ylabel="recall (val)", ylim=(0, 1))
        right.grid(alpha=0.3)
        right.legend()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
