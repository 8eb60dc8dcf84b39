"""metrics.csv: losses and scores, one row per step; no clock times, so that equal runs have equal files."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from elimctl import atomic

if TYPE_CHECKING:
    from elimctl.train.loop import Report

VALIDATION_COLUMNS = ("val_ccc_valence", "val_ccc_arousal", "val_ccc")


def append(path: Path, report: "Report", *, steps_per_epoch: int) -> None:
    """Add the row of a step.

    Args:
        path: metrics.csv.
        report: what happened in the step.
        steps_per_epoch: for the number of the epoch, from 0.
    """
    row: dict[str, object] = {
        "step": report.step,
        "epoch": (report.step - 1) // steps_per_epoch,
        "lr": repr(report.lr),
        **{f"loss_{name}": repr(value) for name, value in report.losses.items()},
    }
    scores = report.scores
    found = (scores.valence.ccc, scores.arousal.ccc, scores.mean.ccc) if scores else ("", "", "")
    row |= dict(zip(VALIDATION_COLUMNS, found, strict=True))
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def rewind(path: Path, step: int) -> None:
    """Keep the rows up to a step; a run that was killed has written more."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [row for row in lines[1:] if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
    atomic.write_text(path, "".join(lines[:1] + kept) if kept else "")
