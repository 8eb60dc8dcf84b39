"""Recipes: TOML files that say what to prepare, train, evaluate and export.

A recipe has one table per stage; each may be left out. With `extends = "NAME"` at its beginning, its values
are merged over those of recipe NAME. Method settings are inherited only if both recipes name the same method.
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
EXTENDS = "extends"  # key of a recipe that names its base


def read(recipe: str | None, *layers: Mapping[str, Any], sets: list[str] | None = None) -> Values:
    """Values of a recipe, with options and `--set` merged over them.

    Args:
        recipe: a TOML file or the name of a packaged recipe; None: no recipe.
        layers: values of command-line options; None values are ignored.
        sets: assignments of `--set`.

    Returns:
        The values of every table of `TABLES`.

    Raises:
        MissingError: the recipe does not exist.
        ConfigError: the file is not TOML, or has an unknown table.
    """
    written = _written(recipe) if recipe else {}
    given = parse_set(sets or [])
    for tables in (written, given):
        _check_tables(tables)
    values = merge(written, *layers, given)
    return {name: dict(values.get(name, {})) for name in TABLES}


def _written(recipe: str, *, above: tuple[Path, ...] = ()) -> Values:
    """Values of a recipe merged over those of its bases; `above` are the recipes that extend it."""
    file = path(recipe)
    if file in above:
        chain = " extends ".join(entry.stem for entry in (*above, file))
        raise ConfigError(f"a recipe extends itself: {chain}", hint=f"remove {EXTENDS} from one of them")
    values = read_toml(file)
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(
            f"{EXTENDS} = {base!r} in {file}, expected a recipe", hint=f'write {EXTENDS} = "NAME"'
        )
    beside = file.parent / base
    below = _written(str(beside) if beside.is_file() else base, above=(*above, file))
    if _method(values) not in (None, _method(below)):
        below.pop("method", None)  # another method has other settings
    return merge(below, values)


def _method(values: Values) -> Any:
    """Name of the method in a recipe's values."""
    table = values.get("method")
    return table.get("name") if isinstance(table, Mapping) else None


def _check_tables(values: Values) -> None:
    """Refuse unknown tables."""
    for name, table in values.items():
        if name not in TABLES:
            near = get_close_matches(name, TABLES, n=1, cutoff=0.5)
            raise ConfigError(
                f"unknown table {name!r} in the recipe; known: {', '.join(TABLES)}",
                hint=f"write {near[0]}" if near else f"remove {name}",
            )
        if not isinstance(table, Mapping):
            raise ConfigError(
                f"{name} = {table!r} in the recipe, expected a table",
                hint=f"write [{name}] and keys below it",
            )


def run_config(values: Values) -> RunConfig:
    """The configuration of a training run in a recipe's values.

    Raises:
        ConfigError: unknown key or invalid value.
    """
    config = validate(RunConfig, {name: values[name] for name in RunConfig.model_fields})
    config.method_config()  # refuses a wrong key now, not after the data are loaded
    plugins.find("backbones", config.model.name)
    return config


def path(recipe: str) -> Path:
    """File of a recipe, given as a TOML file or as the name of a packaged recipe (`elim/afew-va`).

    Raises:
        MissingError: it does not exist; the message names similar packaged recipes.
    """
    packaged = package_data.folder("pipelines") / f"{recipe}.toml"
    if recipe in names():
        return packaged
    if not Path(recipe).exists():
        near = get_close_matches(recipe.removesuffix(".toml"), names(), n=3, cutoff=0.5)
        raise MissingError(
            f"no recipe {recipe}: the file does not exist, and no packaged recipe has that name"
            + (f"; similar names: {', '.join(near)}" if near else ""),
            hint=f"name a TOML file, or a file of {package_data.folder('pipelines')} without .toml",
        )
    return Path(recipe)


def names() -> list[str]:
    """Names of the packaged recipes, such as `demo` and `elim/table2-r18`."""
    root = package_data.folder("pipelines")
    return sorted(file.relative_to(root).with_suffix("").as_posix() for file in root.rglob("*.toml"))


def label(recipe: str) -> str:
    """Name of a recipe as part of a run's name: `elim-table2-r18`."""
    return recipe.replace("/", "-") if recipe in names() else Path(recipe).stem
