"""The rows of a raw dataset in a SQLite file: sorted, numbered and assigned to folds.

The file keeps memory small: no process holds more than a unit of rows. It is temporary: it does not survive a
crash, and each call writes a new one.
"""

import errno
import json
import os
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from elimctl.errors import Notice
from elimctl.manifest import splits
from elimctl.manifest.names import caseless, to_bytes, to_text
from elimctl.manifest.row import Row, printable
from elimctl.prepare import repeats, video_lengths

Splitter = Callable[[Sequence[Row]], Sequence[str | None]]  # the split of each row

BATCH = 1000  # rows written or read together
CACHE_KIB = 16_384  # memory of SQLite for pages
# Error numbers of the operating system for errors of SQLite; all others are input/output errors.
ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}
ARRAYS = {"landmarks": (68, 2), "points": (5, 2)}
TEXTS = ("identity", "clip", "path")  # stored as bytes, because names need not be UTF-8
DEFAULTS = {field.name: field.default for field in fields(Row)}
PLAIN = tuple(name for name in DEFAULTS if name not in {*ARRAYS, *TEXTS, "frame", "split", "reason"})

SCHEMA = """
CREATE TABLE unsorted (identity BLOB, clip BLOB, frame INTEGER, path BLOB, split TEXT, reason TEXT,
                    more TEXT, landmarks BLOB, points BLOB,
                    video_frame INTEGER, face TEXT, valence REAL, arousal REAL, expression BLOB);
CREATE TABLE rows (number INTEGER PRIMARY KEY, identity BLOB, clip BLOB, frame INTEGER, path BLOB, split TEXT,
                   reason TEXT, more TEXT, landmarks BLOB, points BLOB);
CREATE TABLE folds (identity BLOB PRIMARY KEY, fold INTEGER) WITHOUT ROWID;
"""
COLUMNS = "identity, clip, frame, path, split, reason, more, landmarks, points"
UNSORTED = f"{COLUMNS}, {repeats.COLUMNS}"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row with its number in the manifest and its cross-validation fold, None without a fold."""

    number: int
    fold: int | None
    row: Row


@dataclass(frozen=True, slots=True)
class Spool:
    """Reader of the SQLite file of `write` with `count` rows; may be sent to another process."""

    file: Path
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Numbered]:
        for start in range(0, self.count, BATCH):
            yield from self.between(start, start + BATCH)

    def between(self, start: int, stop: int) -> list[Numbered]:
        """Read the rows with numbers in [start, stop), ascending; fewer at the end."""
        query = (
            f"SELECT number, fold, {', '.join('rows.' + name for name in COLUMNS.split(', '))} "
            "FROM rows LEFT JOIN folds USING (identity) WHERE number >= ? AND number < ? ORDER BY number"
        )
        with closing(_connect(self.file)) as spool:
            return [
                Numbered(number, fold, _row(values))
                for number, fold, *values in spool.execute(query, (start, stop))
            ]

    def totals(self) -> dict[str, int]:
        """Count rows, clips, identities, and rows of each split, with dropped rows."""
        with closing(_connect(self.file)) as spool:
            [clips] = spool.execute("SELECT count(DISTINCT clip) FROM rows").fetchone()
            [identities] = spool.execute("SELECT count(DISTINCT identity) FROM rows").fetchone()
            split_counts = spool.execute(
                "SELECT split, count(*) FROM rows WHERE split IS NOT NULL GROUP BY split ORDER BY split"
            )
            return {"rows": self.count, "clips": clips, "identities": identities, **dict(split_counts)}

    def same_but_case(self) -> tuple[int, str, str] | None:
        """Find identities that differ only in case: the number of groups and two of the first, or None."""
        query = """
            SELECT count(*) OVER (), min(identity), max(identity)
            FROM (SELECT DISTINCT identity FROM rows WHERE reason IS NULL)
            GROUP BY caseless(identity) HAVING count(*) > 1 ORDER BY 2 LIMIT 1
        """
        with closing(_connect(self.file)) as spool:
            spool.create_function("caseless", 1, lambda name: caseless(to_text(name)), deterministic=True)
            group = spool.execute(query).fetchone()
            return group and (group[0], to_text(group[1]), to_text(group[2]))


def write(
    file: Path,
    rows: Iterable[Row],
    *,
    folds: int,
    seed: int,
    splitter: Splitter | None = None,
    root: Path | None = None,
    provisional: bool = False,
) -> Spool:
    """Write rows to a spool in the manifest's order: by identity, clip, frame and path.

    `repeats` drops repeated rows of a face, `video_lengths` rows of videos that do not fit their labels.
    Identities with a usable row are assigned to folds as `splits.k_fold` does. With fewer identities than
    folds, no row has a fold if rows have splits. Without splits, and with one identity or one fold, all rows
    get the split `test`.

    Args:
        file: the file to write; an existing file is replaced.
        rows: rows of a reader in any order; names may be any bytes.
        folds: number of folds.
        seed: seed of the assignment.
        splitter: returns the splits of rows; None keeps the dataset's splits.
        root: the raw root; None skips the check of videos.
        provisional: a model will find other identities later, so too few identities are accepted.

    Raises:
        DataError: there are fewer identities than folds, and no splits.
        OSError: the disk is full, or the file cannot be written.
    """
    file.unlink(missing_ok=True)
    try:
        with closing(_connect(file)) as spool:
            spool.executescript(SCHEMA)
            _fill(spool, rows, splitter)
            if root is not None:
                video_lengths.settle(spool, root)
            repeats.settle(spool)
            _order(spool)
            _assign_folds(spool, folds=folds, seed=seed, provisional=provisional)
            [count] = spool.execute("SELECT count(*) FROM rows").fetchone()
            spool.commit()
    except sqlite3.OperationalError as error:
        raise OSError(ERRORS.get(error.sqlite_errorcode, errno.EIO), str(error), str(file)) from None
    return Spool(file, count)


def _connect(file: Path) -> sqlite3.Connection:
    # One process writes before others read, so locks, which some file systems lack, are not needed.
    spool = sqlite3.connect(f"file:{quote(os.fsencode(file.absolute()))}?nolock=1", uri=True)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
        spool.execute(f"PRAGMA {pragma}")
    return spool


def _fill(spool: sqlite3.Connection, rows: Iterable[Row], splitter: Splitter | None) -> None:
    remaining = iter(rows)
    insert = f"INSERT INTO unsorted VALUES ({', '.join('?' * len(UNSORTED.split(', ')))})"
    while batch := list(islice(remaining, BATCH)):
        row_splits = [row.split for row in batch] if splitter is None else splitter(batch)
        spool.executemany(insert, map(_values, batch, row_splits))


def _order(spool: sqlite3.Connection) -> None:
    spool.execute(
        f"""
        INSERT INTO rows
        SELECT row_number() OVER (ORDER BY identity, clip, frame, path, rowid) - 1, {COLUMNS} FROM unsorted
        """
    )
    spool.execute("DROP TABLE unsorted")


def _assign_folds(spool: sqlite3.Connection, *, folds: int, seed: int, provisional: bool) -> None:
    usable = "FROM rows WHERE reason IS NULL"
    [identities] = spool.execute(f"SELECT count(DISTINCT identity) {usable}").fetchone()
    if identities < folds or folds == 1:
        if folds == 1 or not provisional:
            _assign_no_folds(spool, identities, folds=folds)
        return
    spool.create_function("rank", 1, lambda name: splits.rank(to_text(name), seed=seed), deterministic=True)
    spool.execute(
        f"""
        INSERT INTO folds
        SELECT identity, (row_number() OVER (ORDER BY rank(identity)) - 1) % ?
        FROM (SELECT DISTINCT identity {usable})
        """,
        (folds,),
    )


def _assign_no_folds(spool: sqlite3.Connection, identities: int, *, folds: int) -> None:
    """Assign no folds; without splits, all rows become the split `test`."""
    [count, people, has_splits] = spool.execute(
        "SELECT count(*), count(DISTINCT identity), count(split) > 0 FROM rows"
    ).fetchone()
    if has_splits or not identities:
        return
    if folds > 1 and people > 1:
        raise splits.too_few(identities, folds=folds, rows=count, dropped=_dropped(spool))
    spool.execute("UPDATE rows SET split = 'test'")
    if folds > 1:
        warnings.warn(splits.only_scored(count), Notice, stacklevel=2)


def _dropped(spool: sqlite3.Connection) -> dict[str, int]:
    """Count dropped rows by kind of reason, the most frequent first."""
    reasons = spool.execute("SELECT reason, count(*) FROM rows WHERE reason IS NOT NULL GROUP BY reason")
    kinds = Counter[str]()
    for reason, number in reasons:
        kinds[reason.partition(":")[0]] += number
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def _values(row: Row, split: str | None) -> tuple[Any, ...]:
    more = {name: getattr(row, name) for name in PLAIN if getattr(row, name) != DEFAULTS[name]}
    return (
        to_bytes(row.identity),
        to_bytes(row.clip),
        row.frame,
        to_bytes(row.path),
        split,
        None if row.reason is None else printable(row.reason),
        json.dumps(more) if more else None,
        *(_packed(getattr(row, name)) for name in ARRAYS),
        *repeats.values(row),
    )


def _row(values: list[Any]) -> Row:
    identity, clip, frame, path, split, reason, more, *arrays = values
    fields_set = json.loads(more) if more else {}
    if "box" in fields_set:
        fields_set["box"] = tuple(fields_set["box"])
    for (name, shape), content in zip(ARRAYS.items(), arrays, strict=True):
        fields_set[name] = None if content is None else np.frombuffer(content, "<f4").reshape(shape)
    return Row(
        path=to_text(path),
        identity=to_text(identity),
        clip=to_text(clip),
        frame=frame,
        split=split,
        reason=reason,
        **fields_set,
    )


def _packed(array: np.ndarray | None) -> bytes | None:
    return None if array is None else np.asarray(array, "<f4").tobytes()
