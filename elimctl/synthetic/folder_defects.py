"""What is found amiss in folders that people put together, done to a synthetic dataset of one."""

import csv
from pathlib import Path

from elimctl.synthetic.people import too_small

MIN_RECORDS = 20
# The columns as someone might name them.
HEADER = {
    "path": "File Name",
    "valence": " Valence",
    "arousal": "AROUSAL",
    "identity": "Subject-ID",
    "split": "Set",
    "expression": "Emotion",
    "age": "Age",
    "frame": "Frame",
    **{name: name.upper() for name in ("x", "y", "w", "h")},
}
# Fields that are wrong, by number of the record; each spoils one record.
WRONG = {
    0: {"valence": "1,5"},
    1: {"valence": ""},
    2: {"arousal": "high"},
    3: {"arousal": "nan"},
    4: {"path": "/elsewhere/face.jpg"},
    5: {"path": "../face.jpg"},
    6: {"path": "identity 01/missing.jpg"},
    7: {"path": ""},
    8: {"split": "holdout"},
    9: {"split": ""},
    10: {"identity": ""},
    11: {"frame": "third"},
    12: {"frame": "-1"},
    13: {"x": "left", "y": "20", "w": "90", "h": "110"},
    14: {"age": "old"},  # the row can be used, without an age
    15: {"x": "10", "y": "20", "w": "-90", "h": "110"},  # likewise, without a box
}
BACKSLASH, TOO_LONG, UPPER_CASE = 16, 17, 18  # numbers of the records that are spoilt otherwise


def spoil(root: Path) -> None:
    """Spoil records of the CSV in all ways, write it as a spreadsheet does, and leave junk.

    Args:
        root: the synthetic dataset, of 20 records or more.

    Raises:
        ConfigError: there are fewer records.
    """
    file = root / "labels.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        records = [_extend(record) for record in csv.DictReader(lines)]
    if len(records) < MIN_RECORDS:
        raise too_small(f"{len(records)} records", str(MIN_RECORDS))
    for number, fields in WRONG.items():
        records[number] |= fields
    image = root / records[UPPER_CASE]["path"]
    image.rename(image.with_suffix(image.suffix.upper()))
    records[BACKSLASH]["path"] = records[BACKSLASH]["path"].replace("/", "\\")
    records[TOO_LONG][""] = "0,25"  # an unquoted comma makes a field too many
    empty = image.with_stem("empty")
    empty.write_bytes(b"")
    records.append(records[-1] | {"path": empty.relative_to(root).as_posix(), "frame": ""})
    _write(file, records)
    for junk in (".DS_Store", "._labels.csv", "Thumbs.db"):
        (root / junk).write_bytes(b"\0\5\26\7")


def _extend(record: dict[str, str]) -> dict[str, str]:
    """A record with all columns of `HEADER`, and decimal commas."""
    if "subDirectory_filePath" in record:
        record = {"path": record["subDirectory_filePath"], **record}
    identity = record["path"].split("/")[0]
    more = {
        "identity": identity,
        "split": "Validation" if identity.endswith("1") else "training",
        "expression": "Happy" if float(record["valence"]) > 0 else "bored",
        "age": "30",
        "frame": "0",
    }
    record = {name: record.get(name, more.get(name, "")) for name in HEADER}
    return record | {name: record[name].replace(".", ",") for name in ("valence", "arousal")}


def _write(file: Path, records: list[dict[str, str]]) -> None:
    """Write the CSV with semicolons, a byte order mark, CRLF, and blank lines at its end."""
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.writer(lines, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADER.values())
        writer.writerows(
            [*(record[name] for name in HEADER), *([record[""]] if "" in record else [])]
            for record in records
        )
        lines.write("\r\n\r\n")
