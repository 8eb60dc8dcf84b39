"""Predicted against true in the plane of valence and arousal."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from elimctl.figures.arrays import labelled, resampled_means, thinned
from elimctl.figures.plane import COVERED_95, QUADRANTS, circumplex, ellipse, outside, plane, signed
from elimctl.figures.style import LIGHT, Drawing, Look, figure, note, styled
from elimctl.text import counted

SHOWN = 1500  # points that are drawn; statistics are of all
RESAMPLES = 1000


@styled
def va_plane(
    preds: np.ndarray, target: np.ndarray, identity: np.ndarray, *, seed: int = 0, look: Look = LIGHT
) -> Drawing:
    """Draw true and predicted samples, and what becomes of each quadrant of the truth.

    Args:
        preds: (n, 2) predictions.
        target: (n, 2) labels.
        identity: (n,) names or codes; the interval of a mean is bootstrapped over them.
        seed: chooses the points that are drawn where there are many, and the draws of the bootstrap.
        look: colours.

    Raises:
        DataError: there is no sample, or a value is not finite.
    """
    preds, target = labelled(preds, target)
    made = figure("Predicted and true valence and arousal", height_in=4.2)
    clouds, quadrants = made.subplots(1, 2)
    reach = max(float(np.abs(preds).max()), min(1.2, max(_reach(preds), _reach(target))))
    edge = min(plane(axes, look=look, reach=reach) for axes in (clouds, quadrants))
    for axes in (clouds, quadrants):
        circumplex(axes, look=look)
    beyond = outside(preds, edge)
    _draw_clouds(clouds, preds, target, seed=seed, look=look)
    found = _draw_quadrants(quadrants, preds, target, identity, seed=seed, look=look)
    note(
        made,
        "Left: an ellipse holds 95 % of a normal distribution of its points. Right: short arrows are good. "
        "Shaded: the 95 % interval of a mean prediction, over identities. Thin line: one standard deviation "
        f"of the predictions.{beyond}",
        look=look,
    )
    alt = (
        f"Two planes of valence and arousal with {counted(len(preds), 'sample')}. Mean label "
        f"{_place(target.mean(axis=0))}, mean prediction {_place(preds.mean(axis=0))}; standard deviations "
        f"{_spread(target)} of the labels, {_spread(preds)} of the predictions. {' '.join(found)}"
        f"{beyond}"
    )
    return Drawing(made, "Predicted and true valence and arousal", alt)


def _draw_clouds(axes: Axes, preds: np.ndarray, target: np.ndarray, *, seed: int, look: Look) -> None:
    """True and predicted points, each with the ellipse of its covariance."""
    shown = thinned(len(preds), SHOWN, seed=seed)
    sides = ((target, "true", look.faint, "o", "--"), (preds, "predicted", look.groups[0], "^", "-"))
    for values, name, colour, marker, line in sides:
        x, y = values[shown].T
        axes.scatter(
            x,
            y,
            s=9,
            marker=marker,
            color=colour,
            alpha=0.45,
            linewidths=0,
            label=name,
            rasterized=len(shown) > 300,  # a small file, whatever is zoomed into
        )
        ellipse(
            axes,
            values.mean(axis=0),
            _covariance(values),
            squared=COVERED_95,
            facecolor="none",
            edgecolor=colour,
            linestyle=line,
            linewidth=1.6,
        )
    axes.set_title("all samples", loc="left")
    _legend_above(axes, axes.get_legend_handles_labels()[0], markerscale=1.6)


def _draw_quadrants(
    axes: Axes, preds: np.ndarray, target: np.ndarray, identity: np.ndarray, *, seed: int, look: Look
) -> list[str]:
    """What is predicted of the samples of each quadrant; a sentence about each."""
    said = []
    signs = np.where(target >= 0, 1, -1)
    for (sign, name), colour in zip(QUADRANTS.items(), look.groups, strict=False):
        own = (signs == sign).all(axis=1)
        if not own.any():
            continue
        true, mean = target[own].mean(axis=0), preds[own].mean(axis=0)
        ellipse(
            axes, mean, _covariance(preds[own]), squared=1, facecolor="none", edgecolor=colour, linewidth=0.8
        )
        means = resampled_means(preds[own], identity[own], resamples=RESAMPLES, seed=seed)
        if means is not None:
            ellipse(axes, mean, _covariance(means), squared=COVERED_95, color=colour, alpha=0.3, linewidth=0)
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 3, "shrinkB": 0}
        axes.annotate("", xy=mean, xytext=true, arrowprops=arrow)
        axes.plot(*true, "o", markersize=6, markerfacecolor="none", markeredgecolor=colour)
        axes.plot(*mean, "o", markersize=3, color=colour, label=name)
        said.append(f"Quadrant {name}: labels {_place(true)}, predictions {_place(mean)}.")
    axes.set_title("means by quadrant", loc="left")
    axes.set_ylabel("")
    ink: dict[str, Any] = {"color": look.ink, "linestyle": "none"}
    _legend_above(
        axes,
        [
            Line2D([], [], marker="o", markersize=6, markerfacecolor="none", label="label", **ink),
            Line2D([], [], marker="o", markersize=3, label="prediction", **ink),
        ],
    )
    return said


def _legend_above(axes: Axes, handles: Sequence[Artist], **options: Any) -> None:
    """A legend above the axes, at the right of their title, where it hides no point."""
    options |= {"loc": "lower right", "bbox_to_anchor": (1.02, 0.98), "borderpad": 0, "columnspacing": 0.8}
    axes.legend(handles=handles, ncols=len(handles), handletextpad=0.1, **options)


def _covariance(values: np.ndarray) -> np.ndarray:
    """Population covariance, as all moments here."""
    centred = values - values.mean(axis=0)
    return centred.T @ centred / len(values)


def _reach(values: np.ndarray) -> float:
    """How far an ellipse that holds 95 % reaches from the middle of the plane along either axis."""
    return float((np.abs(values.mean(axis=0)) + np.sqrt(COVERED_95) * values.std(axis=0)).max())


def _place(point: np.ndarray) -> str:
    return f"({signed(point[0])}, {signed(point[1])})"


def _spread(values: np.ndarray) -> str:
    deviation = values.std(axis=0)
    return f"({deviation[0]:.2f}, {deviation[1]:.2f})"
