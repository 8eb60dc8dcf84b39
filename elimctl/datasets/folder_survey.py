"""Count the identities in columns and folders in one pass over a user's own CSV.

Counts are kept in a temporary database on disk, so memory use is constant.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from elimctl.datasets.folder_source import Source, is_video, named_parts
from elimctl.manifest.names import canonical, known

BATCH = 100  # lines per write
DEPTH_LIMIT = 16  # maximum depth of folders that is counted
NAMES_LIMIT = 10_000  # maximum number of names per level

SCHEMA = """
CREATE TABLE files (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE levels (depth INTEGER, name TEXT, PRIMARY KEY (depth, name)) WITHOUT ROWID;
CREATE TABLE people (place INTEGER, name TEXT, picture TEXT, again INTEGER DEFAULT 0,
                     PRIMARY KEY (place, name)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Values:
    """Counts of the values of a column, without missing ones."""

    distinct: int  # number of distinct values
    repeated: int  # number of values with several pictures


@dataclass(frozen=True, slots=True)
class Level:
    """The folders at one depth of the paths."""

    depth: int  # from 0
    names: tuple[str, ...]  # names of the folders, at most `NAMES_LIMIT`
    count: int  # number of folders


@dataclass(frozen=True, slots=True)
class Survey:
    """Result of the pass."""

    files: int  # number of distinct paths
    videos: bool  # whether each line labels a whole video
    images: bool  # whether no line names a video
    values: tuple[Values, ...]  # per requested column
    levels: tuple[Level, ...]  # levels of folders, starting at the first in which the paths differ


def survey(source: Source, places: Sequence[int]) -> Survey:
    """Count columns and folders of a CSV.

    Args:
        source: the CSV.
        places: positions of columns that may name identities.

    Raises:
        DataError: a record is broken.
    """
    with closing(sqlite3.connect("")) as database:  # in a temporary file, deleted when closed
        database.executescript(SCHEMA)
        shallowest, videos, images = DEPTH_LIMIT, True, True
        lines = _lines(source, places)
        while batch := list(islice(lines, BATCH)):
            paths = [path for path, _, _ in batch]
            folders = [path.split("/")[:-1] for path in paths]
            shallowest = min(shallowest, *map(len, folders))
            videos = videos and all(whole for _, whole, _ in batch)
            images = images and not any(map(is_video, paths))
            database.executemany("INSERT OR IGNORE INTO files VALUES (?)", [(path,) for path in paths])
            levels = {(depth, name) for names in folders for depth, name in enumerate(names[:DEPTH_LIMIT])}
            database.executemany("INSERT OR IGNORE INTO levels VALUES (?, ?)", levels)
            database.executemany(
                "INSERT INTO people (place, name, picture) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET again = again OR picture <> excluded.picture",
                [person for _, _, people in batch for person in people],
            )
        return Survey(
            files=_count(database, "SELECT count(*) FROM files"),
            videos=videos,
            images=images,
            values=tuple(_values(database, place) for place in places),
            levels=tuple(_levels(database, shallowest)),
        )


def _lines(source: Source, places: Sequence[int]) -> Iterator[tuple[str, bool, list[tuple[int, str, str]]]]:
    """The path of each line, whether it labels a whole video, and the value of each column."""
    columns = source.columns
    # Columns that locate a picture in a file: repeated lines refer to the same picture.
    within = [columns.places[name] for name in ("frame",) if name in columns.places]
    within += [*columns.times.values(), *(columns.box or ())]
    at_path, at_frame = columns.places["path"], columns.places.get("frame")
    for fields in source.records():
        filled = [field.strip() for field in fields] + [""] * (columns.count - len(fields))
        written = filled[at_path]
        path = canonical("/".join(named_parts(written)))
        whole = is_video(path) and not (at_frame is not None and filled[at_frame])
        picture = "\n".join([path, *(canonical(filled[place]) for place in within)])
        named = ((place, known(filled[place])) for place in places)
        if written:
            yield path, whole, [(place, name, picture) for place, name in named if name]


def _values(database: sqlite3.Connection, place: int) -> Values:
    query = "SELECT count(*), coalesce(sum(again), 0) FROM people WHERE place = ?"
    return Values(*database.execute(query, (place,)).fetchone())


def _levels(database: sqlite3.Connection, shallowest: int) -> Iterator[Level]:
    """The levels, starting at the first in which the paths differ."""
    depths = _count(database, "SELECT coalesce(max(depth) + 1, 0) FROM levels")
    shared = True
    for depth in range(depths):
        count = _count(database, f"SELECT count(*) FROM levels WHERE depth = {depth}")
        shared = shared and count == 1 and depth < shallowest
        if not shared:
            query = "SELECT name FROM levels WHERE depth = ? ORDER BY name LIMIT ?"
            names = tuple(name for (name,) in database.execute(query, (depth, NAMES_LIMIT)))
            yield Level(depth, names, count)


def _count(database: sqlite3.Connection, query: str) -> int:
    [count] = database.execute(query).fetchone()
    return int(count)
