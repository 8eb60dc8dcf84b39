"""What a record of a published partition says of an image: labels, and groups of age, gender and race."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elimctl.datasets import ages
from elimctl.datasets.affectnet_labels import valence_arousal
from elimctl.datasets.folder_record import EXPRESSION_WORDS
from elimctl.datasets.raw.csv_rows import Table
from elimctl.errors import DataError, LayoutError
from elimctl.manifest.row import Row

# What a column may be called; the first that a file has counts.
COLUMNS = {
    "valence": ("valence", "val"),
    "arousal": ("arousal", "aro"),
    "expression": ("expression", "emotion", "exp"),
    "age": ("age", "age_group"),
    "gender": ("gender", "sex"),
    "race": ("race",),
}
GROUPS = ("gender", "race")
TOLERANCE = 0.005  # labels that differ by less are the same ones, rounded otherwise
# Kinds of reasons that the labels of a partition remove.
UNLABELLED = ("no annotation", "no annotation file", "no label")

Record = dict[str, Any]


def columns(table: Table) -> dict[str, str]:
    """The columns of a file by what they hold.

    Raises:
        LayoutError: it has one of valence and arousal only.
    """
    found = {}
    for key, names in COLUMNS.items():
        if name := next((name for name in names if name in table.columns), None):
            found[key] = name
    if ("valence" in found) != ("arousal" in found):
        raise LayoutError(
            f"{table.file} has the columns {', '.join(table.columns)}; wanted both valence "
            "and arousal, or none",
            hint="add the column that is missing",
        )
    return found


def parse(fields: Mapping[str, str], *, where: str) -> Record:
    """The record of an image.

    Args:
        fields: as written, by the keys of `COLUMNS`; those that the file does not have are missing.
        where: the file and the image, for messages.

    Raises:
        DataError: a class of expression is a number, which means another class in each dataset.
    """
    record: Record = {}
    if "valence" in fields:
        (valence, arousal), reason = valence_arousal(fields["valence"], fields["arousal"])
        record |= {"valence": valence, "arousal": arousal, "reason": reason}
    if "expression" in fields:
        word = fields["expression"]
        if word.lstrip("+-").replace(".", "", 1).isdecimal():
            raise DataError(
                f"{where}: the class of expression is the number {word}; wanted a word, such as happiness",
                hint="write the classes as words: numbers mean other classes in each dataset",
            )
        record["expression"] = EXPRESSION_WORDS.get(word.lower(), word) or None
    if age := fields.get("age"):
        years = ages.parse(age)
        record |= {"age_group": age} if years is None else {"age": years}
    return record | {key: fields[key] for key in GROUPS if fields.get(key)}


def apply(row: Row, record: Record) -> tuple[Row, bool, bool]:
    """A row with what a partition says of it.

    Returns:
        The row, whether the dataset has a label of its own to compare with, and whether that is another one.
    """
    said = {key: value for key, value in record.items() if key != "reason"}
    own = {key: getattr(row, key) for key in ("valence", "arousal", "expression") if key in said}
    compared = [key for key, value in own.items() if value is not None and said[key] is not None]
    differs = any(_differ(own[key], said[key]) for key in compared)
    reason = row.reason
    if reason is not None and reason.partition(":")[0] in UNLABELLED and _labels(row, said):
        reason = None
    return replace(row, **said, reason=reason or record.get("reason")), bool(compared), differs


def _labels(row: Row, said: Record) -> bool:
    """Whether a partition gives the label that a row lacks."""
    if said.get("valence") is not None:
        return True
    return said.get("expression") is not None and row.expression is None


def _differ(own: Any, said: Any) -> bool:
    if isinstance(own, float):
        return bool(abs(own - said) > TOLERANCE)
    return bool(own != said)
