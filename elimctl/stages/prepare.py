"""From a raw folder to a prepared dataset, and from nothing to a raw folder of drawings."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from elimctl import plugins
from elimctl.config import Values, validate
from elimctl.errors import ConfigError
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
        folder: where it goes; it must not exist or be empty.
        values: settings of the drawing, the recipe's table `[imitate]`.
        seed: same seed and settings, same bytes.

    Raises:
        ConfigError: the folder is a file or not empty, or the settings cannot be used.
        OSError: the imitation could not be written; nothing of it is left.
    """
    plugin = plugins.find("datasets", dataset)
    options = validate(plugin.ImitateOptions, values, where="imitate")
    with _complete_or_absent(folder) as beside:
        plugin.imitate(beside, np.random.default_rng(seed), options)


@contextmanager
def _complete_or_absent(folder: Path) -> Iterator[Path]:
    """A temporary folder whose content is put into `folder` when the block ends without an error.

    A folder that exists takes the content and stays itself: it may be where the caller stands, or a volume
    of its own, so the temporary folder is within it.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; wanted a folder to write", hint="name another folder")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", hint="name a folder that does not exist yet")
    existed = folder.exists()
    beside = (folder if existed else folder.parent) / f".imitation.{os.getpid()}.tmp"
    try:
        beside.mkdir(parents=True)
        yield beside
        if existed:
            for entry in beside.iterdir():
                entry.rename(folder / entry.name)
        else:
            beside.rename(folder)
    except OSError as error:
        error.filename = str(folder)  # a disk that is full names no file
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
