"""Figures of several runs together."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elimctl.errors import DataError
from elimctl.figures.identity_sweep import Sweep, identity_sweep
from elimctl.figures.loss_comparison import Curve, loss_comparison
from elimctl.figures.material import Material
from elimctl.figures.style import Drawing, Look
from elimctl.figures.training_curves import LOSS
from elimctl.metrics.sums import mean_ccc

LOSSES = ("wce", "soft", "aux")  # of DMUE, all but the similarity preserving one


def _identity_sweep(of: Sequence[Material], look: Look) -> Drawing:
    """CCC by number of training identities: runs that differ in that and their seed alone make one line."""
    lines: dict[str, list[tuple[int, float]]] = {}
    names = _names([_compared(material) for material in of])
    for name, material in zip(names, of, strict=True):
        lines.setdefault(name, []).append((_trained_on(material), _ccc(material)))
    if all(len({identities for identities, _ in runs}) == 1 for runs in lines.values()):
        raise DataError("no two runs that differ only in training identities and seed")
    return identity_sweep([_sweep(name, runs) for name, runs in lines.items()], look=look)


def _loss_comparison(of: Sequence[Material], look: Look) -> Drawing:
    """Losses of DMUE with and without the similarity preserving one."""
    runs = [material for material in of if material.config.method_name == "dmue"]
    gammas = [float(material.config.method["gamma"]) for material in runs]
    if not any(gammas) or all(gammas):
        raise DataError("no two runs of dmue, one of them with method.gamma = 0 and one with more")
    curves = []
    for material, gamma in sorted(zip(runs, gammas, strict=True), key=lambda pair: -pair[1]):
        losses = {
            name.removeprefix(LOSS): values for name, values in material.log.items() if name.startswith(LOSS)
        }
        name = f"with (γ = {gamma:g})" if gamma else "without"
        name += f", {material.run.name}" if gammas.count(gamma) > 1 else ""
        curves.append(Curve(name, material.log["step"], losses))
    title = "Losses with and without the similarity preserving one"
    return loss_comparison(curves, LOSSES, title=title, look=look)


def _compared(material: Material) -> dict[str, Any]:
    """What runs of one line have in common."""
    config = material.config
    method = {key: value for key, value in config.method.items() if key not in ("name", "epoch_steps")}
    return {
        "method": config.method_name,
        **method,
        "backbone": config.model.name,
        "pretrained": config.model.pretrained,
        "data": config.data.name,
        "fold": config.data.fold,
    }


def _names(compared: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each run: its method, and what else differs between runs of one method."""
    names = []
    for own in compared:
        rivals = [other for other in compared if other["method"] == own["method"]]
        differing = [key for key in own if any(other.get(key) != own[key] for other in rivals)]
        names.append(", ".join([own["method"], *(f"{key} = {own[key]}" for key in differing)]))
    return names


def _trained_on(material: Material) -> int:
    """Number of identities that a run was trained on.

    Raises:
        DataError: its run.json does not say.
    """
    found = material.run.facts().get("train_identities")
    if not isinstance(found, int):
        raise DataError(f"run.json of {material.name} does not say how many identities it was trained on")
    return found


def _ccc(material: Material) -> float:
    """CCC of a run on its split, mean of both axes."""
    return mean_ccc(material.axes.preds, material.axes.target)


def _sweep(name: str, runs: Sequence[tuple[int, float]]) -> Sweep:
    """Runs as a table of seeds by number of identities."""
    numbers = sorted({identities for identities, _ in runs})
    found = [[ccc for identities, ccc in runs if identities == number] for number in numbers]
    table = np.full((len(numbers), max(map(len, found))), np.nan)
    for row, values in zip(table, found, strict=True):
        row[: len(values)] = values
    return Sweep(name, np.array(numbers), table)


OF_RUNS: dict[str, Callable[[Sequence[Material], Look], Drawing]] = {
    "identity_sweep": _identity_sweep,
    "loss_comparison": _loss_comparison,
}
