"""The runs of a recipe, and the check that the prepared data fit the recipe."""

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

# Settings that decide which people are scored: compared even if a recipe does not name them.
DEALT = dict.fromkeys(("identities", "splits", "seed", "folds"))


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a recipe."""

    name: str  # of the run
    variant: str  # label of its combination in a sweep, empty without one
    seed: int  # of the run
    fold: int  # the held-out fold
    tables: Values  # the recipe's values for this run


def protocol(tables: Values) -> Protocol:
    """The protocol in a recipe's values.

    Raises:
        ConfigError: unknown key or invalid value.
    """
    return validate(Protocol, tables["run"], where="run")


def dataset_name(tables: Values) -> str | None:
    """Name of the prepared dataset of a recipe; None: the only one."""
    return tables["data"].get("name") or protocol(tables).dataset


def plan(recipe: str, tables: Values, dataset: Path) -> list[Job]:
    """The runs of a recipe on a prepared dataset, seed by seed.

    Args:
        recipe: its name or file; the names of the runs begin with it.
        tables: its values.
        dataset: folder of the prepared dataset.

    Raises:
        ConfigError: the dataset was prepared with other settings than the recipe's.
    """
    require_prepared(tables, dataset)
    settings = protocol(tables)
    folds = settings.folds
    if folds == "all":
        folds = tuple(range(int(read_record(dataset)["settings"]["folds"])))
    jobs = []
    for label, values in settings.variants():
        stem = "-".join(part for part in (recipes.label(recipe), label) if part)
        for seed in range(settings.seeds):
            for fold in folds:
                name = f"{stem}-f{fold}-s{seed}" if settings.folds != (0,) else f"{stem}-s{seed}"
                of_run = {"data": {"name": dataset.name, "fold": fold}, "train": {"seed": seed}}
                jobs.append(Job(name, label, seed, fold, merge(tables, values, of_run)))
    return jobs


def find_dataset(workspace: Workspace, tables: Values) -> Path:
    """Folder of the prepared dataset of a recipe.

    Raises:
        MissingError: it is not prepared.
    """
    wanted = protocol(tables).dataset
    hint = f"add the raw folder to the command, or run elimctl prepare {wanted} DIR" if wanted else None
    return workspace.dataset(dataset_name(tables), hint=hint or "add --data NAME")


def require_prepared(tables: Values, dataset: Path) -> None:
    """Refuse a dataset that was prepared with other settings than a recipe's.

    Raises:
        ConfigError: the message names the first key that differs.
    """
    record, settled = read_record(dataset), settle(tables)
    wanted = protocol(tables).dataset
    if wanted and record.get("dataset") != wanted:
        raise ConfigError(
            f"{dataset} holds {record.get('dataset')}, the recipe wants {wanted}",
            hint="name another prepared dataset with --data NAME",
        )
    settings = recorded(validate(PrepareSettings, settled["prepare"], where="prepare"))
    compared = {
        "dataset": (settled["dataset"], record.get("options") or {}),
        "prepare": (_among(settings, {**DEALT, **settled["prepare"]}), record.get("settings") or {}),
    }
    for table, (want_all, have_all) in compared.items():
        if differing := difference(want_all, have_all):
            key, want, have = differing
            raise ConfigError(
                f"{dataset} was prepared with {table}.{key} = {have!r}, the recipe wants {want!r}",
                hint="prepare it again: add the raw folder to the command",
            )


def difference(
    wanted: Mapping[str, Any], actual: Mapping[str, Any], *, also_none: bool = False
) -> tuple[str, Any, Any] | None:
    """The first key whose values differ: its dotted path, the wanted and the actual value.

    Args:
        wanted: the values to compare.
        actual: may have more keys.
        also_none: whether a wanted None is compared as well; else it matches any value.
    """
    for key, value in wanted.items():
        other = actual.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if below := difference(value, other, also_none=also_none):
                return f"{key}.{below[0]}", below[1], below[2]
        elif (also_none or value is not None) and _plain(value) != _plain(other):
            return key, value, other
    return None


def _among(values: Values, given: Mapping[str, Any]) -> Values:
    """The values whose keys are also in `given`, table by table."""
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
