"""Plug-ins by file name: a room's files are its plug-ins.

A file is a plug-in of its room when it defines what the room's contract asks for. Nothing is
registered: `names` reads the files' top-level definitions without importing them, `find` imports one.
Packages of third parties offer plug-ins through the entry-point group `elimctl.<room>`, with the
same contract.
"""

import ast
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from elimctl.errors import ConfigError

# What a file defines at top level to be a plug-in of its room.
CONTRACTS: dict[str, tuple[str, ...]] = {
    "datasets": ("Options", "read"),
    "synthetic": ("Options", "write"),
    "faces": ("build",),
    "backbones": ("build",),
    "methods": ("Config", "SAMPLER", "build"),
    "export": ("export", "load"),
}
# What one plug-in of each room is called in messages.
WORDS = {
    "datasets": "dataset",
    "synthetic": "synthetic dataset",
    "faces": "detector",
    "backbones": "backbone",
    "methods": "method",
    "export": "exporter",
}


@cache
def names(room: str) -> tuple[str, ...]:
    """Plug-ins of a room, sorted, as users write them (`afew-va`, not `afew_va`).

    Args:
        room: a key of `CONTRACTS`.
    """
    own = (file.stem for file in _folder(room).glob("*.py") if not _lacking(room, _top_level(file)))
    return tuple(sorted({_written(stem) for stem in own} | set(_third_party(room))))


def find(room: str, name: str) -> ModuleType:
    """Import the plug-in `name` of a room.

    Args:
        room: a key of `CONTRACTS`.
        name: as `names` gives it; after a slash what a plug-in that sets `TAKES_VARIANT = True` itself
            chooses from (`timm/resnet50`).

    Returns:
        A module that has every name of the room's contract.

    Raises:
        ConfigError: there is no such plug-in, and the message lists those that exist; or it does not
            define all that its room asks for; or it takes nothing after a slash.
    """
    stem, slash, _ = name.partition("/")
    plugin = _load(room, _written(stem))
    if slash and not getattr(plugin, "TAKES_VARIANT", False):
        raise ConfigError(
            f"{WORDS[room]} {name!r}, but {stem} takes nothing after a slash", hint=f"write {stem!r}"
        )
    return plugin


def file(room: str, name: str) -> Path | None:
    """The Python file of a plug-in; the plug-in itself is not imported.

    Args:
        room: a key of `CONTRACTS`.
        name: as `names` gives it.

    Returns:
        The file; None if there is no such plug-in, or its package cannot be imported.
    """
    if (point := _third_party(room).get(_written(name))) is None:
        own = _folder(room) / f"{name.replace('-', '_')}.py"
        return own if own.is_file() else None
    try:
        spec = find_spec(point.module)
    except ImportError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _load(room: str, name: str) -> ModuleType:
    """Import a plug-in by its name as written, a third party's before one of the room's own."""
    stem = name.replace("-", "_")
    if name in _third_party(room):
        plugin: ModuleType = _third_party(room)[name].load()
        _require(room, set(dir(plugin)), where=plugin.__name__)
        return plugin
    file = _folder(room) / f"{stem}.py"
    if file.is_file():
        _require(room, _top_level(file), where=f"elimctl/{room}/{file.name}")
        return import_module(f"elimctl.{room}.{stem}")
    known = names(room)
    near = get_close_matches(name, known, n=1)
    raise ConfigError(
        f"no {WORDS[room]} named {name!r}; there are: {', '.join(known)}",
        hint=f"write {near[0]!r} if that is what you meant" if near else "choose one of these",
    )


def _require(room: str, defined: set[str], *, where: str) -> None:
    """Refuse a module that is no plug-in of its room.

    Raises:
        ConfigError: the module lacks names of the contract; the message lists them.
    """
    if lacking := _lacking(room, defined):
        raise ConfigError(
            f"{where} is no {WORDS[room]}: it does not define {', '.join(lacking)}",
            hint=f"define {'it' if len(lacking) == 1 else 'them'} at its top level, "
            f"or choose one of: {', '.join(names(room))}",
        )


def _lacking(room: str, defined: set[str]) -> list[str]:
    """Names of a room's contract that a module does not define, in the contract's order."""
    return [name for name in CONTRACTS[room] if name not in defined]


def _top_level(file: Path) -> set[str]:
    """Names that a Python file defines at top level: functions, classes, assignments and imports."""
    defined: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8"), filename=str(file)).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                defined.add(node.name)
            case ast.Assign():
                defined |= {name for target in node.targets for name in _assigned(target)}
            case ast.AnnAssign(value=ast.expr()):  # without a value it declares a type and defines nothing
                defined |= _assigned(node.target)
            case ast.Import() | ast.ImportFrom():
                defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return defined


def _assigned(target: ast.expr) -> set[str]:
    """Names that an assignment to `target` defines; `A, B = ...` has two."""
    return {
        node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _folder(room: str) -> Path:
    return Path(__file__).parent / room


def _written(stem: str) -> str:
    """A plug-in's name as users write it."""
    return stem.replace("_", "-")


@cache
def _third_party(room: str) -> dict[str, EntryPoint]:
    """Entry points of the group `elimctl.<room>`, by name as users write it."""
    return {_written(point.name): point for point in entry_points(group=f"elimctl.{room}")}
