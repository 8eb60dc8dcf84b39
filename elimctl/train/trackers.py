"""TensorBoard and W&B; each is imported only if a run uses it."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from elimctl.config import Values
from elimctl.errors import ConfigError

if TYPE_CHECKING:
    from elimctl.train.progress import Report

Name = Literal["tensorboard", "wandb"]

PROJECT = "elimctl"  # name of the W&B project


class Tracker(Protocol):
    """Records the numbers of a run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record the numbers of a step; steps increase."""

    def close(self) -> None:
        """Write everything and close."""


def require(names: Sequence[Name]) -> None:
    """Raise ConfigError if a tracker is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise _missing(name, ImportError("it is not installed"))


def open_trackers(names: Sequence[Name], *, folder: Path, name: str, config: Values, step: int) -> "Trackers":
    """Open the trackers of a run, new or resumed at `step`; tracked values of later steps are dropped.

    Raises:
        ConfigError: a tracker is not installed, or W&B refuses the run.
    """
    opened = Trackers([])
    try:
        for tracker in names:
            if tracker == "tensorboard":
                opened.trackers.append(TensorBoard(folder / "tensorboard", step=step))
            else:
                opened.trackers.append(WandB(folder, name=name, config=config))
    except ConfigError:
        opened.close()
        raise
    return opened


def values(report: "Report") -> dict[str, float]:
    """The numbers of a step by name: `lr`, `images_per_s`, `loss/total`, `val/ccc` or `val/accuracy` ..."""
    numbers = {"lr": report.lr, "images_per_s": report.images_per_s}
    numbers |= {f"loss/{name}": value for name, value in report.losses.items()}
    if report.scores is not None:
        numbers |= {f"val/{name}": value for name, value in report.scores.logged.items()}
    return numbers


class Trackers:
    """Several trackers (or none) as one."""

    def __init__(self, trackers: list[Tracker]) -> None:
        self.trackers = trackers

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log to all trackers."""
        for tracker in self.trackers:
            tracker.log(step, values)

    def close(self) -> None:
        """Close all trackers."""
        for tracker in self.trackers:
            tracker.close()


class TensorBoard:
    """Event files in `folder`, one more after each resume; TensorBoard hides older values after `step`."""

    def __init__(self, folder: Path, *, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("tensorboard", error) from None
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)  # type: ignore[no-untyped-call]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]
        self._writer.flush()  # values up to a checkpoint must survive a killed process

    def close(self) -> None:
        """Close the file."""
        self._writer.close()  # type: ignore[no-untyped-call]


class WandB:
    """A run of Weights & Biases, with its files in `folder`; a resumed run continues it."""

    def __init__(self, folder: Path, *, name: str, config: Values) -> None:
        try:
            import wandb
        except ImportError as error:
            raise _missing("wandb", error) from None
        try:
            self._run = wandb.init(
                project=PROJECT,
                name=name,
                id=_run_id(folder),
                resume="allow",
                dir=str(folder),
                config=config,
                settings={"console": "off"},  # stdout is data
            )
        except wandb.Error as error:
            raise ConfigError(
                f"W&B refuses the run: {' '.join(str(error).split())}",
                hint="run wandb login, or set WANDB_MODE=offline and run wandb sync later",
            ) from None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of a step; W&B keeps the first numbers of a repeated step."""
        if step >= self._run.step:
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Send the rest."""
        self._run.finish()


def _run_id(folder: Path) -> str:
    """A unique id of a run: its name and time of creation."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return f"{facts['name']}-{re.sub(r'[^0-9]', '', facts['created'])}"


def _missing(extra: Name, error: ImportError) -> ConfigError:
    return ConfigError(
        f"train.trackers names {extra}, which cannot be imported: {error}",
        hint=f"run pip install 'elimctl[{extra}]'",
    )
