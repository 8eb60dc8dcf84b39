"""Identities of a user's own CSV: from a column, a folder, a pattern of the path, or the file."""

import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Annotated, Literal

from pydantic import AfterValidator

from elimctl.datasets.folder_columns import NAMES, written
from elimctl.datasets.folder_levels import level_kind, listed
from elimctl.datasets.folder_record import Record
from elimctl.datasets.folder_source import Source, named_parts
from elimctl.datasets.folder_survey import Level, Survey, Values, survey
from elimctl.errors import ConfigError, LayoutError, Notice
from elimctl.manifest.names import canonical, known

Mode = Literal["auto", "column", "folder", "clip", "image", "age-group"]

GROUP = "identity"  # named group of a pattern
SEARCH_LIMIT_S = 2.0  # per path; a slower pattern may need years for other paths
NUMBER = "id"  # a column of this name more often numbers lines than people
MOSTLY = 0.75  # fraction of values with a single picture from which a column may number the lines
FEW = 8  # minimum number of values for this check
EXPLAIN = "To name the people, use --set dataset.identity_pattern=REGEX or a column identity"


def _usable(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"invalid regular expression {pattern!r:.80}: {error}") from None
    if GROUP not in compiled.groupindex and compiled.groups != 1:
        raise ValueError(
            f"{pattern!r:.80} has {compiled.groups} groups; "
            f"expected one group (...), or a group named (?P<{GROUP}>...)"
        )
    return pattern


Pattern = Annotated[str, AfterValidator(_usable)]  # searched in a path; its group is the identity


@dataclass(frozen=True, slots=True)
class Identities:
    """Where identities come from."""

    by: Literal["column", "folder", "pattern", "image", "clip", "age-group"]
    title: str  # for messages, such as `folder 1 of the path`
    depth: int = 0  # depth of the folder, from 0
    optional: bool = False  # whether a file without such a folder is an identity of its own
    pattern: re.Pattern[str] | None = None  # for `pattern`
    actor: bool = True  # whether the column names people

    def of(self, record: Record, path: str, clip: str, *, age_group: str) -> str | None:
        """Identity of a record, None if it has none.

        Args:
            record: the parsed record.
            path: its file below the root, as spelled on disk.
            clip: its clip.
            age_group: its age group.
        """
        match self.by:
            case "column":
                return record.identity
            case "folder":
                return self._folder(record, path) or (path if self.optional else None)
            case "pattern":
                return self._match(_below(record, path))
            case "age-group":
                return age_group
            case "clip":
                return clip
            case "image":
                return path

    def _folder(self, record: Record, path: str) -> str | None:
        folders = _below(record, path).split("/")[:-1]
        return folders[self.depth] if self.depth < len(folders) else None

    def _match(self, path: str) -> str | None:
        assert self.pattern is not None, "`by` is pattern"
        with _limited(self.pattern):
            match = self.pattern.search(canonical(path))
        return known(match[GROUP if GROUP in self.pattern.groupindex else 1]) if match else None


def _below(record: Record, path: str) -> str:
    """The path of a record as spelled on disk, without folders above the CSV's paths."""
    parts = named_parts(record.path)
    return "/".join(path.split("/")[-len(parts) :]) if parts else ""


def choose(source: Source, identity: Mode, pattern: str | None) -> tuple[Source, Identities]:
    """Choose the source of identities, with a notice if it is a guess.

    Args:
        source: the CSV.
        identity: the requested mode.
        pattern: regular expression for paths, which takes precedence.

    Returns:
        The source with its column of identities, if any, and the source of identities.

    Raises:
        LayoutError: a column is missing, or seems to number lines although folders group them.
    """
    named = source.columns.places.get("identity")
    if pattern is not None:
        return source, Identities("pattern", "dataset.identity_pattern", pattern=re.compile(pattern))
    needed = {"column": "identity", "age-group": "age"}.get(identity)
    if needed and needed not in source.columns.places:
        raise LayoutError(
            f"{source.file} has no column {needed}, which --identity {identity} needs",
            hint=f"add a column {needed}, or choose another --identity",
        )
    match identity:
        case "auto" if not source.named.identity:
            return _guess(source)
        case "auto" | "column":
            assert named is not None, "it was looked for"
            return source, Identities("column", f"column {_header(source)[named]}")
        case "folder":
            return source, Identities("folder", "folder 1 of the path")
        case "clip":
            return source, Identities("clip", "clip")
        case "image":
            return source, Identities("image", "file")
        case "age-group":
            return source, Identities("age-group", "age group")


def _header(source: Source) -> list[str]:
    return [written(name) for name in source.table().columns]


def _guess(source: Source) -> tuple[Source, Identities]:
    """Guess the source of identities: a column of people, else folders, else files."""
    header = _header(source)
    taken = {place for key, place in source.columns.places.items() if key != "identity"}
    named = [name for name in NAMES["identity"] if name in header] if source.named.identity is None else []
    columns = [name for name in named if header.index(name) not in taken]
    found = survey(source, [header.index(name) for name in columns])
    level, refused = _level(found)
    counting = ""
    for name, values in zip(columns, found.values, strict=True):
        if not _counts_lines(name, values, found):
            _refuse_doubtful(source, name, values, level)
            if counting:
                _note(f"{counting}; identities come from column {name}")
            places = {**source.columns.places, "identity": header.index(name)}
            chosen = replace(source, columns=replace(source.columns, places=places))
            return chosen, Identities("column", f"column {name}")
        counting = counting or f"column {name} differs in every line, so it does not name people"
    if columns and (level is None or level.count >= found.files) and _one_each(columns[0], found):
        if found.files >= FEW:
            _note(f"column {columns[0]} differs in every line, so no identity has a second image")
        return source, Identities("column", f"column {columns[0]}")
    return source, replace(_by_path(level, refused, counting), actor=not columns)


def _counts_lines(name: str, values: Values, found: Survey) -> bool:
    """Whether a column differs in every line, unless each person has exactly one video."""
    one_video_each = found.videos and values.distinct == found.files and name != NUMBER
    return values.distinct > 1 and not values.repeated and not one_video_each


def _one_each(name: str, found: Survey) -> bool:
    """Whether a column that differs in every line has one value per file, or people share images."""
    return found.values[0].distinct == found.files or (found.images and name != NUMBER)


def _refuse_doubtful(source: Source, name: str, values: Values, level: Level | None) -> None:
    """Refuse a column with nearly only different values if folders group them differently."""
    single = values.distinct - values.repeated
    if (
        values.repeated
        and values.distinct >= FEW
        and single >= MOSTLY * values.distinct
        and level is not None
        and level_kind(level.names) is None
        and level.count < values.distinct
    ):
        raise LayoutError(
            f"{source.file}: {single} of {values.distinct} values of column {name} occur only once, "
            f"but there are {level.count} folders ({listed(level.names)}); the column may number the lines",
            hint="use --identity column if the column names people, --identity folder if the folders do",
        )


def _level(found: Survey) -> tuple[Level | None, list[Level]]:
    """The first level of folders that may be people, or None, and the levels before it."""
    refused = []
    for level in found.levels:
        if level_kind(level.names) in ("splits", "classes", "parts"):
            refused.append(level)
        elif level.count > 1 or not refused:
            return level, refused
    return None, refused


def _by_path(level: Level | None, refused: list[Level], counting: str) -> Identities:
    """Identities by folder, or by file if no level of folders names people."""
    told = [counting] if counting else []
    told += [
        f"folder {other.depth + 1} of the path ({listed(other.names)}) names {level_kind(other.names)}, "
        "not people"
        for other in refused
    ]
    if level is None:
        if told:
            _note("; ".join([*told, f"each file is an identity. {EXPLAIN}"]))
        return Identities("image", "file")
    title = f"folder {level.depth + 1} of the path"
    if level_kind(level.names) == "numbers":
        told.append(f"folders {listed(level.names)} may number parts or classes")
        told.append(f"each is an identity here. {EXPLAIN}")
    elif told:
        told.append(f"identities come from {title}")
    if told:
        _note("; ".join(told))
    return Identities("folder", title, depth=level.depth, optional=True)


def _note(text: str) -> None:
    warnings.warn(text, Notice, stacklevel=2)


@contextmanager
def _limited(pattern: re.Pattern[str]) -> Iterator[None]:
    """Stop a search that takes too long (in the main thread only, which receives signals)."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ConfigError(
            f"dataset.identity_pattern {pattern.pattern!r:.80} needs more than {SEARCH_LIMIT_S:g} s "
            "for one path",
            hint="avoid nested repeats such as (a+)+",
        )

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SEARCH_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
