"""The workspace: where prepared datasets (`data/`) and runs (`runs/`) live.

It is the current folder unless `--workspace` or `ELIMCTL_WORKSPACE` says otherwise.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from elimctl.errors import ConfigError, MissingError

VARIABLE = "ELIMCTL_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    """Folders of one workspace.

    Args:
        root: the folder that holds `data/` and `runs/`.
    """

    root: Path

    @property
    def data(self) -> Path:
        """Folder of the prepared datasets."""
        return self.root / "data"

    @property
    def runs(self) -> Path:
        """Folder of the runs."""
        return self.root / "runs"

    def new_dataset(self, name: str) -> Path:
        """Folder of a dataset that is to be prepared.

        Raises:
            ConfigError: the name is no plain name of a folder.
        """
        return self.data / _plain(name)

    def new_run(self, name: str) -> Path:
        """Folder of a run that is to be made.

        Raises:
            ConfigError: the name is no plain name of a folder.
        """
        return self.runs / _plain(name)

    def dataset(self, name: str | None = None, *, hint: str = "choose one of these with --data NAME") -> Path:
        """Folder of a prepared dataset.

        Args:
            name: the dataset's name; None stands for the only one.
            hint: how one of several is chosen.

        Raises:
            MissingError: it is not there, none is, or there are several and no name was given.
        """
        found = sorted(file.parent.name for file in self.data.glob("*/manifest.parquet"))
        if not found:
            raise MissingError(
                f"no prepared dataset under {self.data}", hint="run elimctl prepare afew-va DIR first"
            )
        if name is None and len(found) > 1:
            raise MissingError(
                f"several prepared datasets under {self.data}: {', '.join(found)}",
                hint=hint,
            )
        if name is not None and name not in found:
            raise MissingError(
                f"no prepared dataset {name!r} under {self.data}; there are: {', '.join(found)}",
                hint=hint,
            )
        return self.data / (name or found[0])

    def run(self, name: str | None = None) -> Path:
        """Folder of a run.

        Args:
            name: the run's name; None stands for the newest.

        Raises:
            MissingError: it is not there, or none is.
        """
        found = sorted(self.runs.glob("*/run.json"), key=_created)
        if not found:
            raise MissingError(f"no run under {self.runs}", hint="run elimctl train first")
        if name is None:
            return found[-1].parent
        if name not in [file.parent.name for file in found]:
            known = ", ".join(sorted(file.parent.name for file in found))
            raise MissingError(
                f"no run {name!r} under {self.runs}; there are: {known}",
                hint="name one of these",
            )
        return self.runs / name


def _plain(name: str) -> str:
    """A name, if it can only mean a folder right here."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ConfigError(
            f"{name!r} cannot be the name of a folder",
            hint="use letters, digits, dots, hyphens and underscores, a letter or digit first",
        )
    return name


def _created(record: Path) -> str:
    """When the run of a run.json was created (ISO 8601), empty where that cannot be read."""
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["created"])
    except (ValueError, KeyError, TypeError):
        return ""


def locate(option: Path | None = None) -> Workspace:
    """The workspace of this call.

    Args:
        option: what `--workspace` gave; else `ELIMCTL_WORKSPACE` counts, else the current folder.
    """
    return Workspace(option or Path(os.environ.get(VARIABLE) or Path.cwd()))
