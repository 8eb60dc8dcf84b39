"""Labels and groups (age, gender, race) in the records of a published partition."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elimctl.datasets import ages
from elimctl.datasets.affectnet_labels import valence_arousal
from elimctl.datasets.folder_record import EXPRESSION_WORDS
from elimctl.datasets.raw.csv_rows import Table
from elimctl.errors import DataError, LayoutError
from elimctl.manifest.row import Row

# Names of each column; the first name in a file counts.
COLUMNS = {
    "valence": ("valence", "val"),
    "arousal": ("arousal", "aro"),
    "expression": ("expression", "emotion", "exp"),
    "age": ("age", "age_group"),
    "gender": ("gender", "sex"),
    "race": ("race",),
}
GROUPS = ("gender", "race")
TOLERANCE = 0.005  # labels that differ by less are equal up to rounding
# Reasons for dropping a row that a label of the partition removes.
UNLABELLED = ("no annotation", "no annotation file", "no label")

Record = dict[str, Any]


def columns(table: Table) -> dict[str, str]:
    """Map the keys of `COLUMNS` to the columns of a file.

    Raises:
        LayoutError: the file has only one of valence and arousal.
    """
    names_of = {}
    for key, names in COLUMNS.items():
        if name := next((name for name in names if name in table.columns), None):
            names_of[key] = name
    if ("valence" in names_of) != ("arousal" in names_of):
        raise LayoutError(
            f"{table.file} has the columns {', '.join(table.columns)}; wanted both valence "
            "and arousal, or none",
            hint="add the missing column",
        )
    return names_of


def parse(fields: Mapping[str, str], *, where: str) -> Record:
    """Parse the record of an image from texts by the keys of `COLUMNS`; `where` names it in messages.

    Raises:
        DataError: the expression is a number; numbers mean other classes in each dataset.
    """
    record: Record = {}
    if "valence" in fields:
        (valence, arousal), reason = valence_arousal(fields["valence"], fields["arousal"])
        record |= {"valence": valence, "arousal": arousal, "reason": reason}
    if "expression" in fields:
        word = fields["expression"]
        if word.lstrip("+-").replace(".", "", 1).isdecimal():
            raise DataError(
                f"{where}: the expression is the number {word}; wanted a word, such as happiness",
                hint="write expressions as words: numbers mean other classes in each dataset",
            )
        record["expression"] = EXPRESSION_WORDS.get(word.lower(), word) or None
    if age := fields.get("age"):
        years = ages.parse(age)
        record |= {"age_group": age} if years is None else {"age": years}
    return record | {key: fields[key] for key in GROUPS if fields.get(key)}


def apply(row: Row, record: Record) -> tuple[Row, bool, bool]:
    """Replace the labels and groups of a row by those of its record in a partition.

    Returns:
        The row, whether both dataset and partition have a label to compare, and whether these differ.
    """
    new = {key: value for key, value in record.items() if key != "reason"}
    old = {key: getattr(row, key) for key in ("valence", "arousal", "expression") if key in new}
    compared = [key for key, value in old.items() if value is not None and new[key] is not None]
    differs = any(_differ(old[key], new[key]) for key in compared)
    reason = row.reason
    if reason is not None and reason.partition(":")[0] in UNLABELLED and _adds_label(row, new):
        reason = None
    return replace(row, **new, reason=reason or record.get("reason")), bool(compared), differs


def _adds_label(row: Row, new: Record) -> bool:
    """Whether a partition has the label that a row lacks."""
    if new.get("valence") is not None:
        return True
    return new.get("expression") is not None and row.expression is None


def _differ(old: Any, new: Any) -> bool:
    if isinstance(old, float):
        return bool(abs(old - new) > TOLERANCE)
    return bool(old != new)
