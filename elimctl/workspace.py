"""The workspace: the folder of prepared datasets (`data/`) and runs (`runs/`)."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from elimctl.errors import ConfigError, MissingError

VARIABLE = "ELIMCTL_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    """Folders of the workspace at `root`; those of new datasets and runs need not exist."""

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
        """Folder of a new dataset; raises ConfigError if the name is invalid."""
        return self.data / _plain(name)

    def new_run(self, name: str) -> Path:
        """Folder of a new run; raises ConfigError if the name is invalid."""
        return self.runs / _plain(name)

    def dataset(self, name: str | None = None, *, hint: str = "name one with --data NAME") -> Path:
        """Folder of a prepared dataset; None: the only one.

        Raises:
            MissingError: it does not exist, or there are several and no name was given.
        """
        names = sorted(file.parent.name for file in self.data.glob("*/manifest.parquet"))
        if not names:
            raise MissingError(
                f"no prepared dataset under {self.data}", hint="run elimctl prepare DATASET DIR first"
            )
        listed = ", ".join(names)
        if name is None and len(names) > 1:
            raise MissingError(f"several prepared datasets under {self.data}: {listed}", hint=hint)
        if name is not None and name not in names:
            raise MissingError(
                f"no prepared dataset {name!r} under {self.data}; there are: {listed}", hint=hint
            )
        return self.data / (name or names[0])

    def run(self, name: str | None = None) -> Path:
        """Folder of a run; None: the newest.

        Raises:
            MissingError: it does not exist.
        """
        names = [file.parent.name for file in sorted(self.runs.glob("*/run.json"), key=_created)]
        if not names:
            raise MissingError(f"no run under {self.runs}", hint="run elimctl train first")
        if name is not None and name not in names:
            known = ", ".join(sorted(names))
            raise MissingError(
                f"no run {name!r} under {self.runs}; there are: {known}", hint="use one of these names"
            )
        return self.runs / (name or names[-1])


def _plain(name: str) -> str:
    """A name that is a plain folder name; others are refused."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ConfigError(
            f"{name!r} cannot be the name of a folder",
            hint="use letters, digits, dots, hyphens and underscores; begin with a letter or digit",
        )
    return name


def _created(record: Path) -> str:
    """When a run was created (ISO 8601); empty if its run.json is damaged."""
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["created"])
    except (ValueError, KeyError, TypeError):
        return ""


def locate(option: Path | None = None) -> Workspace:
    """The workspace of this call: `--workspace`, else `ELIMCTL_WORKSPACE`, else the current folder."""
    return Workspace(option or Path(os.environ.get(VARIABLE) or Path.cwd()))
