"""metrics.csv: losses and scores, one row per step. It has no times, so equal runs have equal files."""

import csv
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elimctl import atomic
from elimctl.errors import MissingError, StoreError

if TYPE_CHECKING:
    from elimctl.train.progress import Report

VALIDATION = "val_"  # prefix of the columns of scores; they come last


def append(path: Path, report: "Report", *, steps_per_epoch: int) -> None:
    """Append the row of a step to metrics.csv; `steps_per_epoch` gives the number of the epoch, from 0."""
    row: dict[str, object] = {
        "step": report.step,
        "epoch": (report.step - 1) // steps_per_epoch,
        "lr": repr(report.lr),
        **{f"loss_{name}": repr(value) for name, value in report.losses.items()},
    }
    if report.scores is not None:
        row |= {f"{VALIDATION}{name}": value for name, value in report.scores.logged.items()}
    columns = _columns(path, list(row))
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerow(row)


def _columns(path: Path, wanted: list[str]) -> list[str]:
    """Columns of the file, after missing ones were added: not every step has all losses and scores."""
    rows: list[dict[str, str]] = []
    known: list[str] = []
    if path.exists() and path.stat().st_size:
        with path.open(newline="", encoding="utf-8") as file:
            known = file.readline().rstrip("\n").split(",")
            if set(wanted) <= set(known):
                return known
            file.seek(0)
            rows = list(csv.DictReader(file))
    columns = [*known, *(name for name in wanted if name not in known)]
    columns.sort(key=lambda name: name.startswith(VALIDATION))  # stable: the other columns keep their order
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic.write_text(path, text.getvalue())
    return columns


def read(path: Path) -> dict[str, np.ndarray]:
    """Columns of metrics.csv by name: (n,) float64 for n steps, NaN if a step has no value.

    Raises:
        MissingError: the file does not exist or has no step.
        StoreError: the file is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        rows = []
    except (UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="train the run again") from None
    if not rows:
        raise MissingError(f"no step of training in {path}", hint="train the run first")
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint="train the run again") from None


def rewind(path: Path, step: int) -> None:
    """Remove the rows after a step; a killed run may have written some."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [row for row in lines[1:] if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
    atomic.write_text(path, "".join(lines[:1] + kept) if kept else "")
