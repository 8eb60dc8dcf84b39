"""Plug-ins: files of a room (package) that define the names of the room's contract.

`names` reads the top-level names of the files without importing them; `find` imports one file. Other packages
offer plug-ins through the entry-point group `elimctl.<room>`, with the same contract.
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

# Names that a plug-in of each room defines at top level.
CONTRACTS: dict[str, tuple[str, ...]] = {
    "datasets": ("Options", "read"),
    "synthetic": ("Options", "write"),
    "faces": ("build",),
    "backbones": ("build",),
    "methods": ("Config", "SAMPLER", "build"),
    "export": ("export", "load"),
}
# Word for a plug-in of each room, for messages.
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
    """Plug-ins of a room (a key of `CONTRACTS`), sorted, as users write them (`afew-va`, not `afew_va`)."""
    stems = (file.stem for file in _folder(room).glob("*.py") if not _lacking(room, _top_level(file)))
    return tuple(sorted({_written(stem) for stem in stems} | set(_third_party(room))))


def find(room: str, name: str) -> ModuleType:
    """Import a plug-in.

    Args:
        room: a key of `CONTRACTS`.
        name: as in `names`; a plug-in with `TAKES_VARIANT = True` takes a variant after a slash
            (`timm/resnet50`).

    Returns:
        A module with all names of the room's contract.

    Raises:
        ConfigError: the plug-in does not exist (the message lists those that do), lacks a name of the
            contract, or takes no variant.
    """
    stem, slash, _ = name.partition("/")
    plugin = _load(room, _written(stem))
    if slash and not getattr(plugin, "TAKES_VARIANT", False):
        raise ConfigError(
            f"{WORDS[room]} {name!r}: {stem} has no variants after a slash", hint=f"write {stem!r}"
        )
    return plugin


def file(room: str, name: str) -> Path | None:
    """The Python file of a plug-in, which is not imported; None if there is no such file."""
    if (point := _third_party(room).get(_written(name))) is None:
        path = _folder(room) / f"{name.replace('-', '_')}.py"
        return path if path.is_file() else None
    try:
        spec = find_spec(point.module)
    except ImportError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _load(room: str, name: str) -> ModuleType:
    """Import a plug-in; one of another package comes before one of elimctl."""
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
        hint=f"write {near[0]!r}" if near else "use one of these names",
    )


def _require(room: str, defined: set[str], *, where: str) -> None:
    """Refuse a module that lacks names of the room's contract."""
    if lacking := _lacking(room, defined):
        raise ConfigError(
            f"{where} cannot be used as a {WORDS[room]}: it does not define {', '.join(lacking)}",
            hint=f"define {', '.join(lacking)} at its top level, or use one of {', '.join(names(room))}",
        )


def _lacking(room: str, defined: set[str]) -> list[str]:
    """Names of a room's contract that a module does not define."""
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
            case ast.AnnAssign(value=ast.expr()):  # without a value it defines nothing
                defined |= _assigned(node.target)
            case ast.Import() | ast.ImportFrom():
                defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return defined


def _assigned(target: ast.expr) -> set[str]:
    """Names that an assignment to `target` defines."""
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
