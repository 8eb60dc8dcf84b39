"""t-SNE of features z, coloured by valence and by arousal, with pairs linked.

Source: Kim & Song 2022, Figs. 3 and 4.
"""

import numpy as np
from matplotlib.axes import Axes

from elimctl.errors import DataError
from elimctl.figures import pairs
from elimctl.figures.arrays import finite, points
from elimctl.figures.style import LIGHT, SCALE, Drawing, Look, colour_bar, figure, note, styled
from elimctl.text import counted

FEWEST = 5  # samples of which t-SNE says anything
HEIGHT_IN = 3.9
LINKED = 5  # pairs of each kind


def embed(features: np.ndarray, *, seed: int) -> np.ndarray:
    """Places of samples in a plane that keeps neighbours together, as the cosine measures these.

    The cosine is what matching goes by; by Euclidean distance the norms of features, which tell how strong an
    expression is, would draw all samples into one line. The perplexity, about the number of neighbours that
    count, is the square root of the number of samples, from 5 to 50.

    Args:
        features: (n, d).
        seed: the same features and seed give the same places.

    Returns:
        (n, 2) in standard deviations of either axis, so that the map is as high as it is wide.

    Raises:
        DataError: there are fewer than five samples, all are the same, or one is not finite.
    """
    from sklearn.manifold import TSNE  # loads in a second or more
    from threadpoolctl import threadpool_limits

    z = finite(features, "features")
    if len(z) < FEWEST or (z == z[0]).all():
        found = "all the same" if len(z) >= FEWEST else str(len(z))
        raise DataError(
            f"features of {counted(len(z), 'sample')}, {found}: at least {FEWEST} that differ wanted"
        )
    perplexity = min(float(np.clip(np.sqrt(len(z)), 5, 50)), (len(z) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    with threadpool_limits(1):  # sums of several threads come in any order
        places = np.asarray(model.fit_transform(z), np.float64)
    return (places - places.mean(axis=0)) / np.maximum(places.std(axis=0), 1e-12)


@styled
def tsne(
    places: np.ndarray, target: np.ndarray, identity: np.ndarray, *, linked: int = LINKED, look: Look = LIGHT
) -> Drawing:
    """Draw samples in the plane of t-SNE twice, by valence and by arousal, and link pairs.

    Args:
        places: (n, 2) of `embed`.
        target: (n, 2) labels.
        identity: (n,) names or codes.
        linked: pairs of each kind at most.
        look: colours.

    Raises:
        DataError: there is no sample, or a value is not finite.
    """
    places, target = points(places, "places"), points(target, "labels", count=len(places))
    people = pairs.same_identity(target, identity, count=linked)
    moods = pairs.same_expression(target, identity, count=linked)
    title = "t-SNE of the features"
    made = figure(title, height_in=HEIGHT_IN)
    both = made.subplots(1, 2)
    for axes, axis, name in zip(both, range(2), ("valence", "arousal"), strict=True):
        shown = axes.scatter(
            *places.T,
            c=target[:, axis],
            cmap=SCALE,
            vmin=-1,
            vmax=1,
            s=14,
            linewidths=0.3,
            edgecolors=look.faint,
            rasterized=len(places) > 1000,
        )
        _link(axes, places, people, "same identity, other expression", look.groups[1], "-")
        _link(axes, places, moods, "same expression, other identity", look.ink, "--")
        axes.set_title(f"by {name}", loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_box_aspect(1)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(look.grid)
    colour_bar(made, shown, list(both), "label")
    text = "No pair to link: one identity, or no two labels alike."
    if len(people) or len(moods):
        handles, names = both[0].get_legend_handles_labels()
        made.legend(handles, names, loc="outside upper right", ncols=2, borderpad=0)
        text = (
            "Look for two things. Colours that change smoothly: the features carry the expression. Dashed "
            "links shorter than orange ones: they carry less of the identity. Axes have no unit."
        )
    note(made, text, look=look)
    alt = (
        f"Two maps of {counted(len(places), 'sample')} of "
        f"{counted(len(np.unique(identity)), 'identity', 'identities')}, by t-SNE of their features, "
        "coloured by valence and by arousal. Mean distances: of one identity with other expressions "
        f"{_apart(places, people)}, of one expression and other identities {_apart(places, moods)}, of all "
        f"samples {_median_apart(places):.1f} (median)."
    )
    return Drawing(made, title, alt)


def _link(axes: Axes, places: np.ndarray, links: np.ndarray, name: str, colour: str, line: str) -> None:
    """Draw a line between the samples of each pair."""
    for number, pair in enumerate(links):
        axes.plot(
            *places[pair].T,
            line,
            color=colour,
            linewidth=1.3,
            marker="o",
            markersize=6.5,
            markerfacecolor="none",
            markeredgewidth=1.2,
            label=None if number else name,
        )


def _apart(places: np.ndarray, links: np.ndarray) -> str:
    """Mean distance of linked samples, and of how many pairs."""
    if not len(links):
        return "(no pair)"
    distance = np.linalg.norm(places[links[:, 0]] - places[links[:, 1]], axis=1)
    return f"{distance.mean():.1f} ({counted(len(links), 'pair')})"


def _median_apart(places: np.ndarray) -> float:
    """Median distance of samples to each other, of at most a few hundred."""
    some = places[:: max(1, len(places) // 300)]
    distance = np.linalg.norm(some[:, None] - some, axis=2)
    return float(np.median(distance[np.triu_indices(len(some), 1)])) if len(some) > 1 else 0.0
