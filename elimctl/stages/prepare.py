"""From a raw folder to a prepared dataset, and from nothing to a raw folder of drawings."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from elimctl import plugins
from elimctl.config import Values, validate
from elimctl.manifest.row import Row
from elimctl.prepare.plan import Plan, arrange
from elimctl.prepare.settings import PrepareSettings


def find_rows(dataset: str, raw: Path, values: Values) -> Iterable[Row]:
    """What a dataset's reader finds in a folder.

    Args:
        dataset: name of the dataset's plug-in.
        raw: the raw folder.
        values: settings of the reader, the recipe's table `[dataset]`.

    Raises:
        MissingError: there is no such folder.
        LayoutError: the folder is not the dataset.
    """
    plugin = plugins.find("datasets", dataset)
    return plugin.read(raw, validate(plugin.Options, values, where="dataset"))


def plan_dataset(dataset: str, raw: Path, rows: Iterable[Row], tables: Values) -> Plan:
    """Plan the preparation of a dataset.

    Args:
        dataset: name of the dataset's plug-in.
        raw: the raw folder.
        rows: what its reader found.
        tables: a recipe's values: `[dataset]` and `[prepare]`.
    """
    options = validate(plugins.find("datasets", dataset).Options, tables["dataset"], where="dataset")
    settings = validate(PrepareSettings, tables["prepare"], where="prepare")
    return arrange(rows, raw, settings, dataset=dataset, options=options)


def imitate_dataset(dataset: str, folder: Path, values: Values, *, seed: int) -> None:
    """Write an imitation of a dataset: drawn faces in the dataset's own layout.

    Args:
        dataset: name of the dataset's plug-in.
        folder: where it goes.
        values: settings of the drawing, the recipe's table `[imitate]`.
        seed: same seed and settings, same bytes.
    """
    plugin = plugins.find("datasets", dataset)
    options = validate(plugin.ImitateOptions, values, where="imitate")
    plugin.imitate(folder, np.random.default_rng(seed), options)
