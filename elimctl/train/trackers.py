"""TensorBoard and W&B beside metrics.csv; each is imported only when a run asks for it."""

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

PROJECT = "elimctl"  # of W&B


class Tracker(Protocol):
    """What keeps the numbers of a run where people watch them."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the numbers of a step; steps rise."""

    def close(self) -> None:
        """Write out what is not written yet, and let go."""


def require(names: Sequence[Name]) -> None:
    """Refuse trackers that are not installed, before there is a run.

    Raises:
        ConfigError: one of them is not.
    """
    for name in names:
        if find_spec(name) is None:
            raise _missing(name, ImportError("it is not installed"))


def open_trackers(names: Sequence[Name], *, folder: Path, name: str, config: Values, step: int) -> "Trackers":
    """Open the trackers of a run, new or resumed.

    Args:
        names: which.
        folder: the run's, with its run.json.
        name: the run's.
        config: the resolved recipe.
        step: steps done; what was tracked of later ones, before the run was killed, is forgotten.

    Raises:
        ConfigError: a tracker's package is missing, or W&B refuses the run.
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
    found = {"lr": report.lr, "images_per_s": report.images_per_s}
    found |= {f"loss/{name}": value for name, value in report.losses.items()}
    if report.scores is not None:
        found |= {f"val/{name}": value for name, value in report.scores.logged.items()}
    return found


class Trackers:
    """Several trackers as one.

    Args:
        trackers: may be none.
    """

    def __init__(self, trackers: list[Tracker]) -> None:
        self.trackers = trackers

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Tell all of them."""
        for tracker in self.trackers:
            tracker.log(step, values)

    def close(self) -> None:
        """Close all of them."""
        for tracker in self.trackers:
            tracker.close()


class TensorBoard:
    """Event files.

    Args:
        folder: for the files of the run, one more each time that it is resumed.
        step: steps done; TensorBoard no longer shows what earlier files say of later ones.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

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
        self._writer.flush()  # what a checkpoint has behind it must not be lost with the process

    def close(self) -> None:
        """Close the file."""
        self._writer.close()  # type: ignore[no-untyped-call]


class WandB:
    """A run of Weights & Biases, the same one each time that it is resumed.

    Args:
        folder: the run's; W&B keeps its files there.
        name: the run's.
        config: the resolved recipe.

    Raises:
        ConfigError: W&B is not installed, or it refuses the run: nobody has logged in, say.
    """

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
                settings={"console": "off"},  # what is shown is the command line's, and stdout is data
            )
        except wandb.Error as error:
            raise ConfigError(
                f"W&B refuses the run: {' '.join(str(error).split())}",
                hint="log in with wandb login, or set WANDB_MODE=offline and run wandb sync later",
            ) from None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of a step, unless W&B has them.

        It takes no step again. One that a resumed run repeats has the numbers that it had before the run
        was killed.
        """
        if step >= self._run.step:
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Send the rest."""
        self._run.finish()


def _run_id(folder: Path) -> str:
    """Name and time of creation: the same for ever, and another one for another run of that name."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return f"{facts['name']}-{re.sub(r'[^0-9]', '', facts['created'])}"


def _missing(extra: Name, error: ImportError) -> ConfigError:
    return ConfigError(
        f"train.trackers names {extra}, which cannot be imported: {error}",
        hint=f"run pip install 'elimctl[{extra}]'",
    )
