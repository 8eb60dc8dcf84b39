"""metrics.csv: losses and scores, one row per step; no clock times, so that equal runs have equal files."""

import csv
from io import StringIO
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
    columns = _columns(path, list(row))
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerow(row)


def _columns(path: Path, wanted: list[str]) -> list[str]:
    """Columns of the file, after those were added that it has not got yet.

    A step may have no loss that others have: where nothing could be matched, say.
    """
    rows: list[dict[str, str]] = []
    known: list[str] = []
    if path.exists() and path.stat().st_size:
        with path.open(newline="", encoding="utf-8") as file:
            known = file.readline().rstrip("\n").split(",")
            if set(wanted) <= set(known):
                return known
            file.seek(0)
            rows = list(csv.DictReader(file))
    losses = [name for name in wanted if name not in (*known, *VALIDATION_COLUMNS)]
    columns = [*(name for name in known if name not in VALIDATION_COLUMNS), *losses, *VALIDATION_COLUMNS]
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic.write_text(path, text.getvalue())
    return columns


def rewind(path: Path, step: int) -> None:
    """Keep the rows up to a step; a run that was killed has written more."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [row for row in lines[1:] if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
    atomic.write_text(path, "".join(lines[:1] + kept) if kept else "")
