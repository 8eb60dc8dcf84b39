"""Predicted against true in the plane of valence and arousal."""

import numpy as np
from matplotlib.axes import Axes

from elimctl.figures.arrays import labelled, resampled_means, thinned
from elimctl.figures.plane import COVERED_95, ellipse, outside, plane, signed
from elimctl.figures.style import LIGHT, MARKERS, Drawing, Look, figure, note, styled
from elimctl.words import counted

SHOWN = 1500  # points that are drawn; statistics are of all
RESAMPLES = 1000
QUADRANTS = ("valence +, arousal +", "valence −, arousal +", "valence −, arousal −", "valence +, arousal −")


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
    made = figure("Predicted and true valence and arousal", height_in=4.1)
    clouds, quadrants = made.subplots(1, 2)
    reach = max(float(np.abs(preds).max()), min(1.2, max(_reach(preds), _reach(target))))
    edge = min(plane(axes, look=look, reach=reach) for axes in (clouds, quadrants))
    beyond = outside(preds, edge)
    _draw_clouds(clouds, preds, target, seed=seed, look=look)
    found = _draw_quadrants(quadrants, preds, target, identity, seed=seed, look=look)
    note(
        made,
        "Left: ellipses hold 95 % of a normal distribution. Right: hollow, the mean label of a quadrant; "
        "filled, the mean prediction, within its 95 % interval over identities; thin line, one standard "
        f"deviation of the predictions.{beyond}",
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
    options = {"bbox_to_anchor": (1, 0.98), "borderpad": 0, "columnspacing": 1}
    axes.legend(loc="lower right", ncols=2, markerscale=1.6, handletextpad=0.2, **options)


def _draw_quadrants(
    axes: Axes, preds: np.ndarray, target: np.ndarray, identity: np.ndarray, *, seed: int, look: Look
) -> list[str]:
    """What is predicted of the samples of each quadrant; a sentence about each."""
    number = np.where(target[:, 1] >= 0, (target[:, 0] < 0).astype(int), 3 - (target[:, 0] < 0).astype(int))
    said = []
    for quadrant, name in enumerate(QUADRANTS):
        own = number == quadrant
        if not own.any():
            continue
        colour, marker = look.groups[quadrant], MARKERS[quadrant]
        true, mean = target[own].mean(axis=0), preds[own].mean(axis=0)
        axes.plot(*np.stack([true, mean]).T, color=colour, linewidth=1, linestyle=":")
        axes.plot(*true, marker=marker, markersize=7, markerfacecolor="none", markeredgecolor=colour)
        axes.plot(*mean, marker=marker, markersize=3.5, color=colour, linestyle="none", label=name)
        ellipse(
            axes, mean, _covariance(preds[own]), squared=1, facecolor="none", edgecolor=colour, linewidth=0.8
        )
        means = resampled_means(preds[own], identity[own], resamples=RESAMPLES, seed=seed)
        if means is not None:
            ellipse(axes, mean, _covariance(means), squared=COVERED_95, color=colour, alpha=0.3, linewidth=0)
        said.append(f"Quadrant {name}: labels {_place(true)}, predictions {_place(mean)}.")
    axes.set_title("by quadrant of the label", loc="left")
    axes.set_ylabel("")
    return said


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
