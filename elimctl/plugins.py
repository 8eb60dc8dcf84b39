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
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from elimctl.errors import ConfigError

# What a file defines at top level to be a plug-in of its room; `{file}` is the file's own name.
CONTRACTS: dict[str, tuple[str, ...]] = {
    "datasets": ("Options", "ImitateOptions", "read", "imitate"),
    "faces": ("build",),
    "backbones": ("build",),
    "methods": ("Config", "SAMPLER", "build"),
    "export": ("export", "load"),
    "losses": ("{file}",),
    "metrics": ("{file}",),
}


@cache
def names(room: str) -> tuple[str, ...]:
    """Plug-ins of a room, sorted, as users write them (`afew-va`, not `afew_va`).

    Args:
        room: a key of `CONTRACTS`.
    """
    folder = Path(__file__).parent / room
    own = (file.stem for file in folder.glob("*.py") if _offers(file, room))
    return tuple(sorted({name.replace("_", "-") for name in own} | set(_third_party(room))))


def find(room: str, name: str) -> ModuleType:
    """Import the plug-in `name` of a room.

    Args:
        room: a key of `CONTRACTS`.
        name: as `names` gives it; what follows a slash (`timm/resnet50`) is the plug-in's own affair.

    Raises:
        ConfigError: there is no such plug-in; the message lists those that exist.
    """
    stem = name.partition("/")[0].replace("_", "-")
    if stem in _third_party(room):
        module: ModuleType = _third_party(room)[stem].load()
        return module
    if stem not in names(room):
        near = get_close_matches(stem, names(room), n=1)
        raise ConfigError(
            f"no {room} plug-in named {stem!r}; there are: {', '.join(names(room))}",
            hint=f"write {near[0]!r} if that is what you meant" if near else "choose one of these",
        )
    return import_module(f"elimctl.{room}.{stem.replace('-', '_')}")


def _offers(file: Path, room: str) -> bool:
    """Whether a file defines, at top level, every name that its room's contract asks for."""
    wanted = {name.format(file=file.stem) for name in CONTRACTS[room]}
    return wanted <= _top_level(file)


def _top_level(file: Path) -> set[str]:
    """Names that a Python file defines at top level: functions, classes and assignments."""
    defined: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return defined


@cache
def _third_party(room: str) -> dict:
    """Entry points of the group `elimctl.<room>`, by name."""
    return {point.name: point for point in entry_points(group=f"elimctl.{room}")}
