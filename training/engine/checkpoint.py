"""State of a run on disk: enough to resume with the identical loss after a kill, and the best weights so far."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models import files
from models.errors import ConfigError

FILE = "checkpoint.pt"
BEST = "best.pt"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Progress of a run, and all that its order of batches depends on."""

    epochs: int
    steps_per_epoch: int
    batch: int  # rows of a global batch, whatever the number of ranks
    step: int = 0  # steps done
    best: float = float("-inf")  # best score so far

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch


def trained(net: nn.Module) -> dict[str, Tensor]:
    """Return the state dict without frozen parameters, and without the buffers of modules that have no others."""
    frozen = {name for name, p in net.named_parameters(remove_duplicate=False) if not p.requires_grad}
    whole = tuple(f"{name}." for name, module in net.named_modules() if name and _is_frozen(module))
    state = net.state_dict()
    return {name: tensor for name, tensor in state.items() if name not in frozen and not name.startswith(whole)}


def _is_frozen(module: nn.Module) -> bool:
    """Return whether the module has parameters and none of them learns."""
    learns = [parameter.requires_grad for parameter in module.parameters()]
    return bool(learns) and not any(learns)


def load(net: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a result of `trained`; raises ConfigError if a tensor is missing, unexpected or of another shape."""
    expected = trained(net)
    differing = sorted(expected.keys() ^ state.keys()) or [
        name for name, tensor in expected.items() if tensor.shape != state[name].shape
    ]
    if differing:
        raise ConfigError(
            f"the weights are of another net, which differs in {len(differing)} tensors, as {differing[0]}: "
            "was the run's config changed?"
        )
    net.load_state_dict(dict(state), strict=False)  # frozen parameters are not in it


def save(folder: Path, net: nn.Module, optimizer: Optimizer, progress: TrainingState) -> None:
    """Replace the run's checkpoint atomically."""
    _replace(folder / FILE, {"net": trained(net), "optimizer": optimizer.state_dict(), "progress": asdict(progress)})


def save_best(folder: Path, net: nn.Module, *, score: float, epoch: int, images: Tensor | None = None) -> None:
    """Replace the run's best weights atomically, with the vectors (N, d) that they give unseen images.

    Call it before the epoch's `save`: a kill between the two repeats the epoch, and writes this file again.
    """
    seen = None if images is None else images.detach().half().cpu()
    _replace(folder / BEST, {"net": trained(net), "score": score, "epoch": epoch, "images": seen})


def restore(folder: Path, net: nn.Module, optimizer: Optimizer, *, start: TrainingState) -> TrainingState:
    """Load the run's checkpoint into net and optimizer and return its progress, or `start` if there is none.

    Raises ConfigError if the checkpoint's run has other epochs or batches than `start`, and if an earlier version with
    other parameter groups wrote it, unless the run has ended: then no step needs the optimizer.
    """
    if not (folder / FILE).is_file():
        return start
    progress, net_state, optimizer_state = _read(folder)
    if replace(progress, step=start.step, best=start.best) != start:
        raise ConfigError(
            f"{folder / FILE} is of a run of {progress.epochs} epochs of {progress.steps_per_epoch} batches of "
            f"{progress.batch}, not {start.epochs} of {start.steps_per_epoch} of {start.batch}: choose another folder"
        )
    load(net, net_state)
    if progress.step < progress.steps:
        try:
            optimizer.load_state_dict(optimizer_state)
        except ValueError as error:
            raise _of_an_earlier_version(folder) from error
    return progress


def has_ended(folder: Path) -> bool:
    """Return whether the folder has the checkpoint of a run that has done all its steps."""
    if not (folder / FILE).is_file():
        return False
    progress, _, _ = _read(folder)
    return progress.step == progress.steps


def weights(folder: Path) -> dict[str, Tensor]:
    """Return the trained weights at the end of a run; raises ConfigError if there is no run or it has not ended."""
    progress, net, _ = _read(folder)
    if progress.step < progress.steps:
        raise ConfigError(f"the run in {folder} did {progress.step} of {progress.steps} steps: train it to its end")
    return net


def best(folder: Path) -> dict[str, Tensor]:
    """Return the trained weights of the best epoch; raises ConfigError if the run has not ended."""
    weights(folder)
    if not (folder / BEST).is_file():
        raise ConfigError(f"no {BEST} in {folder}: it was deleted, or no epoch had a score, so train again")
    net: dict[str, Tensor] = torch.load(folder / BEST, map_location="cpu", weights_only=True)["net"]
    return net


def best_images(folder: Path) -> Tensor | None:
    """Return the vectors (N, d) of unseen images by the best weights of a run that has ended; None if it has none."""
    if not (folder / BEST).is_file():
        return None
    images: Tensor | None = torch.load(folder / BEST, map_location="cpu", weights_only=True).get("images")
    return None if images is None else images.float()


def _read(folder: Path) -> tuple[TrainingState, dict[str, Tensor], dict[str, object]]:
    if not (folder / FILE).is_file():
        raise ConfigError(f"no {FILE} in {folder}: train first")
    state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    if "progress" not in state:
        raise _of_an_earlier_version(folder)
    return TrainingState(**state["progress"]), state["net"], state["optimizer"]


def _of_an_earlier_version(folder: Path) -> ConfigError:
    return ConfigError(f"{folder / FILE} is of an earlier version of this trainer: train again in another folder")


def _replace(path: Path, state: Mapping[str, object]) -> None:
    with files.replacing(path) as part:
        torch.save(state, part)
