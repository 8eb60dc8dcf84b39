"""Drop repeated rows about one face, among all rows in a database.

Rows are about one face if they name the same image or video frame and the same place in it: a box, a side, or
none. Among usable rows of one image or frame:

* A row without a place is dropped if another row has a place: its face is unknown.
* A row with another identity than the first row is dropped: a face must be in one fold only.
* If the labels of the remaining rows differ, all of them are dropped: the right label is unknown.
* Otherwise the first row is kept.
"""

import json
import sqlite3
from typing import Any

from elimctl.manifest.names import to_bytes, to_text
from elimctl.manifest.row import Row, printable

# Labels that differ by less are equal up to rounding; the manifest keeps them in float32.
PRECISION = 1e-6
# Columns of the table `unsorted` that rows are compared by.
COLUMNS = "video_frame, face, valence, arousal, expression"
PICTURE = "path, video_frame"
FACE = f"{PICTURE}, face"

# Only repeated rows are compared; these are few. Images have the frame -1, because NULL cannot be compared.
REPEATED = f"""
CREATE TABLE repeated AS
SELECT rowid AS line, reason IS NULL AS usable, identity, clip, frame, {COLUMNS}, path FROM unsorted
WHERE ({PICTURE}) IN (
    SELECT {PICTURE} FROM unsorted GROUP BY {PICTURE} HAVING count(*) > 1 AND max(reason IS NULL)
);
"""
COMPARED = f"""
CREATE TABLE compared AS
SELECT line, identity, first, clip, frame, {FACE},
       face IS NULL AND max(usable AND face IS NOT NULL) OVER (PARTITION BY {PICTURE}) AS placeless,
       row_number() OVER (PARTITION BY {FACE}, identity ORDER BY line) AS copy,
       max(valence) OVER same - min(valence) OVER same > {PRECISION} AS valences,
       max(arousal) OVER same - min(arousal) OVER same > {PRECISION} AS arousals,
       max(expression) OVER same <> min(expression) OVER same AS expressions
FROM (
    SELECT *, first_value(identity) OVER (PARTITION BY {FACE} ORDER BY usable DESC, line) AS first
    FROM repeated
)
WINDOW same AS (PARTITION BY {FACE}, identity, usable);
CREATE INDEX compared_line ON compared (line);
"""
DROP = """
UPDATE unsorted SET reason = (
    SELECT CASE
        WHEN placeless THEN 'no box: another line about the same image has one'
        WHEN identity IS NOT first THEN 'identities disagree: listed before as ' || shown(first)
        WHEN valences OR arousals OR expressions
            THEN 'labels disagree: ' || differing(valences, arousals, expressions)
        WHEN copy > 1 THEN 'listed twice'
    END FROM compared WHERE line = unsorted.rowid
)
WHERE reason IS NULL AND rowid IN (SELECT line FROM compared);
"""
# If several people are in one image, each gets a clip.
SPLIT_CLIPS = f"""
CREATE TABLE people AS
SELECT line, row_number() OVER (PARTITION BY identity, clip, frame, {PICTURE} ORDER BY line) AS person
FROM compared WHERE line IN (SELECT rowid FROM unsorted WHERE reason IS NULL);
UPDATE unsorted
SET clip = CAST(clip || ' face ' || (SELECT person FROM people WHERE line = unsorted.rowid) AS BLOB)
WHERE rowid IN (SELECT line FROM people WHERE person > 1);
UPDATE unsorted SET clip = CAST(clip || ' ' || identity AS BLOB)
WHERE clip IN (
    SELECT clip FROM compared JOIN people USING (line)
    GROUP BY clip, frame, path, video_frame HAVING count(DISTINCT identity) > 1
);
DROP TABLE repeated; DROP TABLE compared; DROP TABLE people;
"""


def values(row: Row) -> tuple[Any, ...]:
    """Return the values that a row is compared by, in the order of `COLUMNS`."""
    placed = row.box is not None or row.side is not None
    return (
        -1 if row.video_frame is None else row.video_frame,
        json.dumps([row.side, row.box]) if placed else None,
        row.valence,
        row.arousal,
        None if row.expression is None else to_bytes(row.expression),
    )


def settle(spool: sqlite3.Connection) -> None:
    """Drop repeated rows in the table `unsorted` (rows in reading order), and give each person a clip."""
    spool.create_function("shown", 1, _shown, deterministic=True)
    spool.create_function("differing", 3, _differing, deterministic=True)
    for script in (REPEATED, COMPARED, DROP, SPLIT_CLIPS):
        spool.executescript(script)


def _shown(name: bytes) -> str:
    return f"{printable(to_text(name)):.80}"


def _differing(*differ: int | None) -> str:
    named = zip(("valence", "arousal", "expression"), differ, strict=True)
    return ", ".join(name for name, there in named if there)
