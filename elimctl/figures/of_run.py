"""Figures of one run, each from what it leaves behind."""

from collections.abc import Callable

import numpy as np

from elimctl.errors import DataError, MissingError
from elimctl.figures import pairs
from elimctl.figures.calibration import Panel, calibration
from elimctl.figures.clip_timeline import clip_timeline
from elimctl.figures.confusion_matrix import confusion_matrix
from elimctl.figures.error_map import error_map
from elimctl.figures.identity_cases import identity_cases
from elimctl.figures.identity_ccc import identity_ccc
from elimctl.figures.latent_history import latent_history
from elimctl.figures.latent_rows import Annotated, latent_rows
from elimctl.figures.material import Material
from elimctl.figures.plan_map import Side, plan_map
from elimctl.figures.shift_bars import Pair, shift_bars
from elimctl.figures.style import Drawing, Look
from elimctl.figures.training_curves import training_curves
from elimctl.figures.tsne import tsne
from elimctl.figures.uncertainty_rank import uncertainty_rank
from elimctl.figures.va_plane import va_plane
from elimctl.metrics.calibration import calibration as measure
from elimctl.metrics.classes import confusion_of
from elimctl.metrics.detail import Resampling
from elimctl.metrics.groups import clip_errors
from elimctl.metrics.sums import mean_ccc
from elimctl.metrics.table import AXES, METRICS
from elimctl.train import latents
from elimctl.train.latents import Watched

CCC, MEAN = METRICS.index("ccc"), AXES.index("mean")
SHORTEST = 5  # frames of a clip that has a timeline
ROWS = 8  # samples whose latent distributions are shown


def _va_plane(of: Material, look: Look) -> Drawing:
    return va_plane(of.axes.preds, of.axes.target, of.axes.identity, look=look)


def _error_map(of: Material, look: Look) -> Drawing:
    return error_map(of.axes.preds, of.axes.target, look=look)


def _identity_ccc(of: Material, look: Look) -> Drawing:
    scores, ends = of.identity_scores
    ccc = np.where(scores.counts[:, CCC, MEAN], scores.scores[:, CCC, MEAN], np.nan)
    overall = mean_ccc(of.axes.preds, of.axes.target)
    drawn = "clips or stretches of frames"
    return identity_ccc(scores.names, ccc, ends[:, :, CCC, MEAN], overall=overall, drawn=drawn, look=look)


def _identity_cases(of: Material, look: Look) -> Drawing:
    cases = pairs.same_label_cases(of.axes.target, of.axes.identities.code)
    return identity_cases(of.axes.preds, of.axes.target, of.axes.identity, cases, look=look)


def _calibration(of: Material, look: Look) -> Drawing:
    resampling = Resampling()  # as `elimctl eval --calibration` has it
    if of.classes:
        odds = of.table.columns["probability"].to_numpy()
        found = measure(of.table, resampling)["probability"]
        return calibration([Panel("probability", odds, found, (0.0, 1.0))], look=look)
    reliable = measure(of.table, resampling)
    panels = [
        Panel(name, of.table.preds[:, axis], found) for axis, (name, found) in enumerate(reliable.items())
    ]
    return calibration(panels, look=look)


def _confusion_matrix(of: Material, look: Look) -> Drawing:
    if not of.classes:
        raise DataError("the run learns valence and arousal, not classes")
    classes = of.table.classes
    counted = confusion_of(of.table.target, of.table.preds, classes=len(classes))
    return confusion_matrix(counted, classes, look=look)


def _training_curves(of: Material, look: Look) -> Drawing:
    return training_curves(of.log, look=look)


def _shift_bars(of: Material, look: Look) -> Drawing:
    matches, remark = of.matches
    names = of.axes.identity
    bars = [Pair(names[one.reference[0]], names[one.target[0]], one.shift) for one in matches]
    return shift_bars(bars, remark=remark, look=look)


def _plan_map(of: Material, look: Look) -> Drawing:
    (one, *_), remark = of.matches
    table = of.axes
    sides = [
        Side(table.identity[chosen[0]], table.target[chosen], of.faces(of.dataset, table.row[chosen]))
        for chosen in (one.reference, one.target)
    ]
    return plan_map(one.plan, one.shift, *sides, remark=remark, look=look)


def _tsne(of: Material, look: Look) -> Drawing:
    own, places = of.places
    return tsne(places, of.axes.target[own], of.axes.identity[own], look=look)


def _timeline(of: Material, look: Look, *, quantile: float) -> Drawing:
    """The clip at a quantile of the mean squared errors of all clips that are long enough."""
    table = of.axes
    count, error = np.bincount(table.clips.code), clip_errors(table)
    long = np.flatnonzero(count >= SHORTEST)
    if not len(long):
        raise DataError(f"no clip has {SHORTEST} frames; the longest has {count.max()}")
    order = long[np.argsort(error[long], kind="stable")]
    code = order[round(quantile * (len(order) - 1))]
    own = np.flatnonzero(table.clips.code == code)
    own = own[np.argsort(table.frame[own], kind="stable")]
    name = f"{table.clips.names[code]} of {table.identity[own[0]]}"
    smoothed = None if of.smoothed is None else of.smoothed[own]
    return clip_timeline(
        table.frame[own], table.preds[own], table.target[own], clip=name, smoothed=smoothed, look=look
    )


def _timeline_median(of: Material, look: Look) -> Drawing:
    return _timeline(of, look, quantile=0.5)


def _timeline_worst(of: Material, look: Look) -> Drawing:
    return _timeline(of, look, quantile=1.0)


def _latent_rows(of: Material, look: Look) -> Drawing:
    watched = latents.some(of.annotated, ROWS)
    found = latents.distributions(of.model, of.trained_on, watched, view=of.view, device=of.device)
    return latent_rows(found, _shown(of, watched), watched.classes, look=look)


def _latent_history(of: Material, look: Look) -> Drawing:
    path = of.run.folder / latents.NAME
    if not of.classes:
        raise DataError("the run learns valence and arousal, not classes")
    if not path.exists() or not path.stat().st_size:
        raise MissingError(
            f"no {path.name}: the run was trained without train.latents, the number of samples"
        )
    history = latents.read(path)
    few = np.arange(min(len(history.watched), ROWS + 1))
    watched = history.watched.take(few)
    shown = _shown(of, watched)
    return latent_history(history.step, history.latent[:, few], shown, watched.classes, look=look)


def _uncertainty_rank(of: Material, look: Look) -> Drawing:
    watched, confidence = of.batch
    return uncertainty_rank(confidence, _shown(of, watched), watched.classes, look=look)


def _shown(of: Material, watched: Watched) -> Annotated:
    """Training samples as figures show them."""
    names = [f"row {row}" for row in watched.row.tolist()]
    return Annotated(names, watched.annotated, watched.original, of.faces(of.trained_on, watched.row))


OF_RUN: dict[str, Callable[[Material, Look], Drawing]] = {
    "va_plane": _va_plane,
    "error_map": _error_map,
    "identity_ccc": _identity_ccc,
    "calibration": _calibration,
    "confusion_matrix": _confusion_matrix,
    "training_curves": _training_curves,
    "timeline_median": _timeline_median,
    "timeline_worst": _timeline_worst,
    "identity_cases": _identity_cases,
    "tsne": _tsne,
    "shift_bars": _shift_bars,
    "plan_map": _plan_map,
    "latent_rows": _latent_rows,
    "latent_history": _latent_history,
    "uncertainty_rank": _uncertainty_rank,
}
