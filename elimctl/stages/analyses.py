"""What else there is to know of an evaluated run: slices, calibration, identity invariance, smoothing."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from elimctl import atomic
from elimctl.config import Values
from elimctl.errors import ConfigError
from elimctl.evaluate.binning import parts
from elimctl.evaluate.calibration import Reliability, calibration
from elimctl.evaluate.detail import Resampling
from elimctl.evaluate.invariance import Measured, measure_table
from elimctl.evaluate.slices import Slices, slices
from elimctl.evaluate.smoothing import Smoothing, smoothing
from elimctl.evaluate.table import PredictionTable, read
from elimctl.manifest import columns, parquet
from elimctl.stages import features
from elimctl.stages.compare import predicted
from elimctl.stages.evaluate import Evaluation
from elimctl.store import features as cache
from elimctl.workspace import Workspace

# Passes batches on, and may count them on the way; told what they are and their number.
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


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
    """What was found; None for what was not asked for.

    Args:
        slices: by column.
        calibration: by axis.
        invariance: of features and predictions.
        smoothing: over time.
    """

    slices: dict[str, Slices] | None = None
    calibration: dict[str, Reliability] | None = None
    invariance: Measured | None = None
    smoothing: Smoothing | None = None

    @property
    def values(self) -> Values:
        """What was found, as values for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
                f"no column {name!r} in a manifest; there are: {', '.join(known)}",
                hint=f"write {' or '.join(near)}" if near else "choose one of these",
            )


def analyse(
    workspace: Workspace,
    evaluation: Evaluation,
    asked: Asked,
    *,
    resampling: Resampling,
    device: str | None = None,
    track: Track = lambda batches, _, __: batches,
) -> Analyses:
    """Make the analyses asked for, and keep each in a file `<split>.<analysis>.json` beside the scores.

    Args:
        workspace: where the run and the dataset are.
        evaluation: of the run.
        asked: which analyses.
        resampling: how intervals are made.
        device: where the model runs, if it has to; None for the one it was trained on.
        track: wraps the batches of a model that runs.

    Raises:
        ConfigError: a column that cannot be sliced by, or an analysis that needs valence and arousal of a run
            that learns classes.
        DataError: what is asked cannot be told of these samples; the message says why.
    """
    table = read(evaluation.predictions)
    found = Analyses(
        slices=_slices(workspace, evaluation, table, asked.slices, resampling) if asked.slices else None,
        calibration=calibration(table, resampling) if asked.calibration else None,
        invariance=_invariance(workspace, evaluation, table, device, track) if asked.invariance else None,
        smoothing=_smoothing(workspace, evaluation, table, resampling, device, track)
        if asked.smoothing
        else None,
    )
    for name, value in found.values.items():
        text = json.dumps({"protocol": table.protocol, name: value}, indent=2, allow_nan=False)
        atomic.write_text(evaluation.predictions.with_suffix(f".{name}.json"), text + "\n")
    return found


def _slices(
    workspace: Workspace,
    evaluation: Evaluation,
    table: PredictionTable,
    names: Sequence[str],
    resampling: Resampling,
) -> dict[str, Slices]:
    require_columns(names)
    file = workspace.dataset(evaluation.dataset) / parquet.NAME
    manifest = pq.read_table(file, columns=list(names)).take(pa.array(table.row))
    return {name: slices(table, parts(manifest[name], name), name, resampling) for name in names}


def _invariance(
    workspace: Workspace, evaluation: Evaluation, table: PredictionTable, device: str | None, track: Track
) -> Measured:
    """Measure features, from the cache if it has them."""
    run, dataset = workspace.run(evaluation.run), workspace.dataset(evaluation.dataset)
    found = features.extract(
        dataset,
        features.run_model(run, device=device or "auto"),
        reserve=True,
        track=lambda batches, count: track(batches, "features", count),
    )
    return measure_table(cache.open(dataset, found.key).read, table)


def _smoothing(
    workspace: Workspace,
    evaluation: Evaluation,
    table: PredictionTable,
    resampling: Resampling,
    device: str | None,
    track: Track,
) -> Smoothing:
    if table.classes:
        raise ConfigError(
            f"run {evaluation.run} learns classes, and it is valence and arousal that are smoothed",
            hint="leave --smooth out",
        )
    training = predicted(
        workspace,
        evaluation.run,
        split="train",
        device=device,
        track=lambda batches, count: track(batches, "train", count),
    )
    return smoothing(table, training, resampling)
