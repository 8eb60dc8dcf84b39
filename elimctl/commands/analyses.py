"""What else there is to know of an evaluated run: slices, calibration, identity invariance, smoothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.commands import features
from elimctl.commands.compare import predicted
from elimctl.commands.evaluate import Evaluation
from elimctl.commands.execution import Execution
from elimctl.config import Values
from elimctl.errors import ConfigError, ElimctlError
from elimctl.manifest import columns, parquet
from elimctl.metrics.binning import parts
from elimctl.metrics.calibration import Reliability, calibration
from elimctl.metrics.detail import Resampling
from elimctl.metrics.invariance import Measured, measure_table
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.slices import Slices, slices
from elimctl.metrics.smoothing import Smoothing, smoothing
from elimctl.predict.table import read
from elimctl.store import features as cache
from elimctl.workspace import Workspace

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which analyses are wanted.

    Args:
        slices: columns of the manifest to slice by.
        calibration: whether the reliability of predictions is.
        invariance: whether identity invariance is.
        smoothing: whether smoothing over time is.
    """

    slices: tuple[str, ...] = ()
    calibration: bool = False
    invariance: bool = False
    smoothing: bool = False


@dataclass(frozen=True, slots=True)
class Analyses:
    """What was found; None for what was not asked for, or could not be told.

    Args:
        slices: by column.
        calibration: by axis.
        invariance: of features and predictions.
        smoothing: over time.
        failed: why something that was asked for is not there, one error each.
    """

    slices: dict[str, Slices] | None = None
    calibration: dict[str, Reliability] | None = None
    invariance: Measured | None = None
    smoothing: Smoothing | None = None
    failed: tuple[ElimctlError, ...] = ()

    @property
    def values(self) -> Values:
        """What was found, as values for JSON."""
        found = asdict(replace(self, failed=()))
        return {name: value for name, value in found.items() if value is not None and name != "failed"}


def require_columns(names: Sequence[str]) -> None:
    """Refuse to slice by what is no column of a manifest.

    Raises:
        ConfigError: a name is none; the hint is the nearest that is.
    """
    known = columns.schema().names
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4)
            raise ConfigError(
                f"no column {name!r} in the manifest; available: {', '.join(known)}",
                hint=f"write {' or '.join(near)}" if near else "choose one of these",
            )


def analyse(
    workspace: Workspace,
    evaluation: Evaluation,
    asked: Asked,
    *,
    resampling: Resampling,
    execution: Execution = Execution(),
) -> Analyses:
    """Make the analyses asked for, and keep each in a file `<split>.<analysis>.json` beside the scores.

    One that fails does not keep the others from being made and kept.

    Args:
        workspace: where the run and the dataset are.
        evaluation: of the run.
        asked: which analyses.
        resampling: how intervals are computed.
        execution: device and progress.

    Returns:
        What was made, and in `failed` why the rest was not: a column that cannot be sliced by, an analysis
        that needs valence and arousal of a run that learns classes, or samples of which it cannot be told.

    Raises:
        ConfigError: a column to slice by is none.
        StoreError: the predictions are damaged.
    """
    require_columns(asked.slices)
    table, failed = read(evaluation.predictions), []

    def tried(wanted: bool, make: Callable[[], Found]) -> Found | None:
        try:
            return make() if wanted else None
        except ElimctlError as error:
            failed.append(error)
            return None

    sliced = {
        name: tried(True, partial(_slices, workspace, evaluation, table, name, resampling))
        for name in asked.slices
    }
    found = Analyses(
        slices={name: one for name, one in sliced.items() if one is not None} or None,
        calibration=tried(asked.calibration, partial(calibration, table, resampling)),
        invariance=tried(asked.invariance, partial(_invariance, workspace, evaluation, table, execution)),
        smoothing=tried(
            asked.smoothing, partial(_smoothing, workspace, evaluation, table, resampling, execution)
        ),
        failed=tuple(failed),
    )
    for name, value in found.values.items():
        file = evaluation.predictions.with_suffix(f".{name}.json")
        kept = _kept(file, table.protocol) if name == "slices" else {}  # by other columns, asked for before
        text = json.dumps({"protocol": table.protocol, name: kept | value}, indent=2, allow_nan=False)
        atomic.write_text(file, text + "\n")
    return found


def _kept(file: Path, protocol: Values) -> Values:
    """Slices that a file has of the same predictions; none where it is missing or damaged."""
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        return dict(saved["slices"]) if saved["protocol"] == protocol else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _slices(
    workspace: Workspace,
    evaluation: Evaluation,
    table: PredictionTable,
    name: str,
    resampling: Resampling,
) -> Slices:
    file = workspace.dataset(evaluation.dataset) / parquet.NAME
    values = pq.read_table(file, columns=[name]).take(pa.array(table.row))[name]
    return slices(table, parts(values, name), name, resampling)


def _invariance(
    workspace: Workspace, evaluation: Evaluation, table: PredictionTable, execution: Execution
) -> Measured:
    """Measure features, from the cache if it has them."""
    run, dataset = workspace.run(evaluation.run), workspace.dataset(evaluation.dataset)
    found = features.extract(
        dataset,
        features.run_model(run, device=execution.device or "auto"),
        reserve=True,
        track=execution.tracked("features"),
    )
    return measure_table(cache.open(dataset, found.key).read, table)


def _smoothing(
    workspace: Workspace,
    evaluation: Evaluation,
    table: PredictionTable,
    resampling: Resampling,
    execution: Execution,
) -> Smoothing:
    if table.classes:
        raise ConfigError(
            f"run {evaluation.run} learns classes, but smoothing needs valence and arousal",
            hint="leave --smooth out",
        )
    training = predicted(workspace, evaluation.run, split="train", execution=execution)
    return smoothing(table, training, resampling)
