"""Recipes: TOML files that say what to prepare, train, evaluate and export.

A recipe has one table per stage; each may be left out. Values come from, in rising order: the fields'
defaults, the recipe, command-line options, `--set`. They are merged first and validated once. A recipe may
begin with `extends = "NAME"`: it is then laid over that recipe, table by table and key by key; only the
settings of a method do not pass to another one.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from elimctl import package_data, plugins
from elimctl.config import Values, merge, parse_set, read_toml, validate
from elimctl.errors import ConfigError, MissingError
from elimctl.train.config import RunConfig

TABLES = {
    "synth": "settings of `elimctl synth`",
    "dataset": "settings of the dataset's reader",
    "prepare": "settings of `elimctl prepare`: detector, crop, store, folds",
    "data": "which prepared dataset, which fold",
    "model": "the backbone",
    "method": "the method's name and settings",
    "train": "optimiser, schedule, batches",
    "eval": "the form of the metrics",
    "temporal": "the temporal head and its training",
    "run": "seeds, folds and published rows, for `elimctl run`",
}
EXTENDS = "extends"  # key of a recipe that names the one below it


def read(recipe: str | None, *layers: Mapping[str, Any], sets: list[str] | None = None) -> Values:
    """Values of a recipe with options and `--set` laid over them.

    Args:
        recipe: a TOML file, or the name of a packaged recipe; None for no recipe.
        layers: values of command-line options; None values leave the recipe's in place.
        sets: assignments given to `--set`.

    Returns:
        One table of values per stage, every table of `TABLES` present.

    Raises:
        MissingError: there is no such recipe.
        ConfigError: the file is not TOML, or has a table that no stage reads.
    """
    written = _written(recipe) if recipe else {}
    given = parse_set(sets or [])
    for tables in (written, given):
        _check_tables(tables)
    values = merge(written, *layers, given)
    return {name: dict(values.get(name, {})) for name in TABLES}


def _written(recipe: str, *, above: tuple[Path, ...] = ()) -> Values:
    """What a recipe says, with what those say that it extends.

    Args:
        recipe: a TOML file, or the name of a packaged recipe.
        above: the recipes that extend it.
    """
    file = path(recipe)
    if file in above:
        chain = " extends ".join(entry.stem for entry in (*above, file))
        raise ConfigError(f"a recipe extends itself: {chain}", hint=f"remove {EXTENDS} from one of them")
    values = read_toml(file)
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{EXTENDS} = {base!r} in {file}, a recipe wanted", hint="name one, as text")
    beside = file.parent / base
    below = _written(str(beside) if beside.is_file() else base, above=(*above, file))
    if _method(values) not in (None, _method(below)):
        below.pop("method", None)  # another method knows nothing of its settings
    return merge(below, values)


def _method(values: Values) -> Any:
    """Name of the method in a recipe's values, None where there is none."""
    table = values.get("method")
    return table.get("name") if isinstance(table, Mapping) else None


def _check_tables(values: Values) -> None:
    """Refuse what is no table of a recipe."""
    for name, table in values.items():
        if name not in TABLES:
            near = get_close_matches(name, TABLES, n=1, cutoff=0.5)
            raise ConfigError(
                f"unknown table {name!r} in the recipe; known: {', '.join(TABLES)}",
                hint=f"write {near[0]}" if near else f"remove {name}",
            )
        if not isinstance(table, Mapping):
            raise ConfigError(
                f"{name} = {table!r} in the recipe, a table wanted", hint=f"write [{name}] and keys below it"
            )


def run_config(values: Values) -> RunConfig:
    """The settings of a training run in a recipe's values.

    Raises:
        ConfigError: a key that does not exist, or a value that does not fit it.
    """
    config = validate(RunConfig, {name: values[name] for name in RunConfig.model_fields})
    config.method_config()  # a bad key or name is found now, not after the data were loaded
    plugins.find("backbones", config.model.name)
    return config


def path(recipe: str) -> Path:
    """File of a recipe.

    Args:
        recipe: a TOML file, or the name of a packaged recipe (`elim/afew-va`).

    Raises:
        MissingError: there is neither; the message has the nearest of the packaged ones, and their folder.
    """
    packaged = package_data.folder("pipelines") / f"{recipe}.toml"
    if recipe in names():
        return packaged
    if not Path(recipe).exists():
        near = get_close_matches(recipe.removesuffix(".toml"), names(), n=3, cutoff=0.5)
        raise MissingError(
            f"no recipe {recipe}: no such file, and none that comes with elimctl has that name"
            + (f"; near it are {', '.join(near)}" if near else ""),
            hint=f"name a TOML file, or one of {packaged.parent} without .toml",
        )
    return Path(recipe)


def names() -> list[str]:
    """Names of the packaged recipes, such as `demo` and `elim/table2-r18`."""
    root = package_data.folder("pipelines")
    return sorted(file.relative_to(root).with_suffix("").as_posix() for file in root.rglob("*.toml"))


def label(recipe: str) -> str:
    """Name of a recipe as part of a run's name: `elim-table2-r18`.

    Args:
        recipe: a TOML file, or the name of a packaged recipe.
    """
    return recipe.replace("/", "-") if recipe in names() else Path(recipe).stem
