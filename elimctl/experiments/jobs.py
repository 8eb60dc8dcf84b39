"""The runs that a recipe stands for, and whether the prepared data are those that it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elimctl import recipe as recipes
from elimctl.commands.prepare import settle
from elimctl.config import Values, merge, validate
from elimctl.errors import ConfigError
from elimctl.experiments.protocol import Protocol
from elimctl.prepare.build import read_record
from elimctl.prepare.settings import PrepareSettings, recorded
from elimctl.workspace import Workspace

# What decides who is scored on whom: compared whether a recipe names it or not.
DEALT = dict.fromkeys(("identities", "splits", "seed", "folds"))


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a recipe.

    Args:
        name: of the run.
        variant: label of the combination that a sweep gave it, empty without one.
        seed: of the run.
        fold: the fold held out.
        tables: the recipe's values for this run.
    """

    name: str
    variant: str
    seed: int
    fold: int
    tables: Values


def protocol(tables: Values) -> Protocol:
    """The protocol in a recipe's values.

    Raises:
        ConfigError: a key that does not exist, or a value that does not fit it.
    """
    return validate(Protocol, tables["run"], where="run")


def dataset_name(tables: Values) -> str | None:
    """Name of the prepared dataset that a recipe asks for; None: the only one."""
    return tables["data"].get("name") or protocol(tables).dataset


def plan(recipe: str, tables: Values, dataset: Path) -> list[Job]:
    """The runs of a recipe on a prepared dataset, seed by seed.

    Args:
        recipe: its name or file; the runs are called after it.
        tables: its values.
        dataset: folder of the prepared dataset.

    Raises:
        ConfigError: the dataset was prepared with other settings than the recipe's.
    """
    require_prepared(tables, dataset)
    asked = protocol(tables)
    folds = tuple(range(_folds(dataset))) if asked.folds == "all" else asked.folds
    made = []
    for label, values in asked.variants():
        stem = "-".join(part for part in (recipes.label(recipe), label) if part)
        for seed in range(asked.seeds):
            for fold in folds:
                name = f"{stem}-f{fold}-s{seed}" if asked.folds != (0,) else f"{stem}-s{seed}"
                own = {"data": {"name": dataset.name, "fold": fold}, "train": {"seed": seed}}
                made.append(Job(name, label, seed, fold, merge(tables, values, own)))
    return made


def find_dataset(workspace: Workspace, tables: Values) -> Path:
    """Folder of the prepared dataset that a recipe asks for.

    Raises:
        MissingError: it is not prepared.
    """
    wanted = protocol(tables).dataset
    hint = f"name its raw folder after the recipe, or run elimctl prepare {wanted} DIR" if wanted else None
    return workspace.dataset(dataset_name(tables), hint=hint or "set data.name")


def require_prepared(tables: Values, dataset: Path) -> None:
    """Refuse a dataset that was prepared with other settings than a recipe asks for.

    Raises:
        ConfigError: it was; the message names the first such key.
    """
    record, asked = read_record(dataset), settle(tables)
    wanted = protocol(tables).dataset
    if wanted and record.get("dataset") != wanted:
        raise ConfigError(
            f"{dataset} holds {record.get('dataset')}, the recipe wants {wanted}",
            hint="set data.name to another prepared dataset",
        )
    settings = recorded(validate(PrepareSettings, asked["prepare"], where="prepare"))
    compared = {
        "dataset": (asked["dataset"], record.get("options") or {}),
        "prepare": (_among(settings, {**DEALT, **asked["prepare"]}), record.get("settings") or {}),
    }
    for table, (want_all, have_all) in compared.items():
        if found := difference(want_all, have_all):
            key, want, have = found
            raise ConfigError(
                f"{dataset} was prepared with {table}.{key} = {have!r}, the recipe wants {want!r}",
                hint="prepare it again by naming its raw folder after the recipe",
            )


def difference(
    wanted: Mapping[str, Any], found: Mapping[str, Any], *, also_none: bool = False
) -> tuple[str, Any, Any] | None:
    """The first key at which values differ from those wanted: its dotted path, both values.

    Args:
        wanted: the values.
        found: may have more keys.
        also_none: whether what is None in those wanted has to be None, or may be anything.
    """
    for key, value in wanted.items():
        other = found.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if below := difference(value, other, also_none=also_none):
                return f"{key}.{below[0]}", below[1], below[2]
        elif (also_none or value is not None) and _plain(value) != _plain(other):
            return key, value, other
    return None


def _among(values: Values, given: Mapping[str, Any]) -> Values:
    """Those of some values, table by table, whose keys were given."""
    return {
        key: _among(value, given[key]) if isinstance(value, dict) else value
        for key, value in values.items()
        if key in given
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


def _folds(dataset: Path) -> int:
    """Number of folds that a dataset was prepared with."""
    return int(read_record(dataset)["settings"]["folds"])
