"""From runs to their figures."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import TypeVar

from elimctl import atomic
from elimctl.commands.execution import Execution
from elimctl.errors import ConfigError, ElimctlError
from elimctl.figures.of_run import OF_RUN
from elimctl.figures.of_runs import OF_RUNS
from elimctl.figures.pooled import open_material
from elimctl.figures.save import save
from elimctl.figures.style import DARK, LIGHT, Drawing, Look
from elimctl.workspace import Workspace

USUAL = "val"  # split whose figures lie in the folder itself
FOLDER = "figures"  # in a run's folder; in the workspace for figures of several runs
IN_DARK = "dark"  # in such a folder, for those on a dark ground
INDEX = "index.json"  # what is in such a folder
Source = TypeVar("Source")
NAMES = (*OF_RUN, *OF_RUNS)


@dataclass(frozen=True, slots=True)
class Made:
    """A figure on disk.

    Args:
        name: of the figure.
        title: what it is.
        alt: what it shows, in words.
        files: its files' names.
    """

    name: str
    title: str
    alt: str
    files: list[str]


@dataclass(frozen=True, slots=True)
class Folder:
    """The figures of a run, or of several together.

    Args:
        runs: names of the runs.
        folder: where the figures are.
        command: that makes them again.
        made: those that apply.
        skipped: why others do not, by name.
    """

    runs: list[str]
    folder: str
    command: str
    made: list[Made] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which figures to draw.

    Args:
        only: names of the figures; empty for all.
        pairs: identities to match, as `reference:target`; empty for random pairs.
        faces: whether faces may be shown; licences of most datasets forbid to pass them on.
    """

    only: Sequence[str] = ()
    pairs: Sequence[str] = ()
    faces: bool = False


def draw_runs(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    split: str = "val",
    out: Path | None = None,
    wanted: Wanted = Wanted(),
    look: Look = LIGHT,
    execution: Execution = Execution(),
) -> Iterator[Folder]:
    """Draw all figures that apply to each run, and those of all runs together.

    Args:
        workspace: where the runs are.
        names: of the runs; none for the newest.
        split: that was scored; also the stem of another file in the runs' `eval/`.
        out: where figures go; those of one of several runs into a folder of its name there. None for
            `figures/` in each run's folder, and in the workspace for figures of several runs; those of
            another split than `val` go into a folder of its name in there. Those on a dark ground go into a
            folder `dark` in there.
        wanted: which figures, of whom.
        look: colours.
        execution: device and progress of features.

    Yields:
        What was drawn and what not, once for each run and once for all together.

    Raises:
        ConfigError: there is no such figure, or it takes several runs; or a pair is none of two identities of
            a run's split.
        DataError: pairs of a run that learns classes.
        MissingError: there is no such run.
    """
    only = wanted.only
    require_known(only, runs=max(len(names), 1))
    runs: Sequence[str | None] = names or [None]
    chosen = [open_material(workspace, name, split, faces=wanted.faces, execution=execution) for name in runs]
    for material in chosen if wanted.pairs else []:
        material.choose(wanted.pairs)
    flags = f" --split {split}{' --faces' if wanted.faces else ''}{' --dark' if look is DARK else ''}"
    flags += "".join(f" --pair {quote(pair)}" for pair in wanted.pairs)
    for material in chosen if _wanted(OF_RUN, only) else []:
        where = out if len(chosen) == 1 else out / material.name if out else None
        command = f"elimctl figures {material.name}{flags}"
        folder = Folder([material.name], _ground(where or _default(material.folder, split), look), command)
        _draw(folder, OF_RUN, material, only, look=look)
        yield folder
    if len(chosen) > 1 and _wanted(OF_RUNS, only):
        found = [material.name for material in chosen]
        together = _ground(out or _default(workspace.root, split), look)
        folder = Folder(found, together, f"elimctl figures {' '.join(found)}{flags}")
        _draw(folder, OF_RUNS, chosen, only, look=look)
        yield folder


def _default(folder: Path, split: str) -> Path:
    """Where figures of a split go if nothing else is said: each split has a folder of its own."""
    return folder / FOLDER if split == USUAL else folder / FOLDER / split.replace("/", "-")


def _ground(folder: Path, look: Look) -> str:
    """Where figures of a folder go, on a light or a dark ground."""
    return str(folder / IN_DARK if look is DARK else folder)


def _draw(
    folder: Folder,
    figures: Mapping[str, Callable[[Source, Look], Drawing]],
    source: Source,
    only: Sequence[str],
    *,
    look: Look,
) -> None:
    """Draw and write figures, and the index of their folder."""
    for name in _wanted(figures, only):
        try:
            drawing = figures[name](source, look)
        except ElimctlError as error:
            folder.skipped[name] = error.message
            continue
        files = save(drawing, Path(folder.folder) / name, command=folder.command, look=look)
        folder.made.append(Made(name, drawing.title, drawing.alt, [file.name for file in files]))
    _write_index(folder)


def _wanted(figures: Iterable[str], only: Sequence[str]) -> list[str]:
    """The figures to draw of some."""
    return [name for name in figures if not only or name in only]


def _write_index(folder: Folder) -> None:
    """Write what is in a folder: what was drawn now, and what the same command drew there before."""
    path = Path(folder.folder) / INDEX
    values = asdict(folder) | {"folder": "."}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["command"] == folder.command:
            now = {*(made.name for made in folder.made), *folder.skipped}
            values["made"] += [made for made in before["made"] if made["name"] not in now]
            values["skipped"] = {
                name: why for name, why in before["skipped"].items() if name not in now
            } | folder.skipped
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or it is damaged: what is drawn now is known all the same
    atomic.write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def require_known(only: Sequence[str], *, runs: int) -> None:
    """Refuse names that are no figure's, and figures of several runs alone where there is one.

    Args:
        only: names of the figures that are wanted; none for all.
        runs: number of runs.

    Raises:
        ConfigError: there is no such figure, or it takes several runs.
    """
    for name in only:
        if name not in NAMES:
            raise ConfigError(
                f"no figure {name!r}; there are: {', '.join(NAMES)}", hint="choose one of these with --only"
            )
    if runs == 1 and only and not _wanted(OF_RUN, only):
        raise ConfigError(f"{', '.join(only)}: these figures need several runs", hint="name the runs")
