"""Optimal transport with a small quadratic penalty, many problems at once, by an interior point.

The penalty gamma / 2 |X|^2 makes the plan unique; as gamma falls it becomes that of the linear program.
A plan is sparse, where an entropic one has no zeros.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from elimctl.transport.convergence import ConvergenceMonitor
from elimctl.transport.precision import full_precision

Form = Literal["balanced", "partial"]
SETTLED = 1e-12  # error at which a problem is left alone, of unit mass and the spread of its costs
ACCEPTED = 1e-6  # error above which it is reported
NEGLIGIBLE = 1e-12  # share of the mass below which a weight is 0: no plan could show it
SAME = 1e-6  # share of the mass below which two sides weigh the same: float32 sums agree no better
TO_THE_WALL = 0.995  # part of the way to the nearest bound that a step may go


class _Problem(NamedTuple):
    """Minimise sum(C X + Q X^2 / 2) with X >= 0, rows summing to a, columns to b, both to 1."""

    a: Float[Tensor, "B n"]
    b: Float[Tensor, "B m"]
    C: Float[Tensor, "B n m"]
    Q: Float[Tensor, "B n m"]
    live: Bool[Tensor, "B n m"]  # where both weights are positive; elsewhere X is 0


class _Point(NamedTuple):
    """Where a problem is, or a step of it."""

    x: Float[Tensor, "B n m"]  # plan
    z: Float[Tensor, "B n m"]  # multipliers of X >= 0
    y: Float[Tensor, "B n"]  # multipliers of the row sums
    w: Float[Tensor, "B m"]  # multipliers of the column sums


class _Errors(NamedTuple):
    """What the optimality conditions leave at a point."""

    dual: Float[Tensor, "B n m"]
    row: Float[Tensor, "B n"]
    column: Float[Tensor, "B m"]
    gap: Float[Tensor, " B"]  # between the costs of plan and multipliers

    def largest(self) -> Float[Tensor, " B"]:
        sides = (self.dual.flatten(1), self.row, self.column)
        return torch.stack([self.gap, *(side.abs().amax(dim=1) for side in sides)]).amax(dim=0)


class _System(NamedTuple):
    """Newton's equations at a point, reduced to the columns and factorised."""

    x: Float[Tensor, "B n m"]  # 1 where not live
    weight: Float[Tensor, "B n m"]
    row: Float[Tensor, "B n 1"]
    keep: Bool[Tensor, "B m"]
    factor: Float[Tensor, "B m m"]
    info: Int[Tensor, " B"]  # 0: the factor is sound


@full_precision
@torch.no_grad()
def qp(
    a: Float[Tensor, "B n"],
    b: Float[Tensor, "B m"],
    M: Float[Tensor, "B n m"],
    *,
    gamma: float,
    form: Form = "balanced",
    n_iter: int = 20,
    monitor: ConvergenceMonitor | None = None,
) -> Float[Tensor, "B n m"]:
    """Plans of B quadratically penalised transport problems, solved together in float64.

    Nothing is read from an accelerator; on the CPU it stops as soon as all have settled.

    Args:
        a: source weights, >= 0, not all 0 in any problem; 0 marks padding, or a sample without mass.
        b: target weights, likewise.
        M: finite costs, any unit.
        gamma: penalty, in M's unit per mass, > 0.
        form: `balanced` solves for unit mass and gives the plan the mass of b, whatever that of a; `partial`
            transports the smaller of the two masses, rows and columns summing to at most a and b.
        n_iter: iterations at most.
        monitor: told how far the solutions are off; None: a new one, which warns here and now.

    Returns:
        Plans without a gradient.

    Warns:
        ConvergenceWarning: an error above 1e-6 is left, of unit mass and the spread of the costs.

    Source: Kim & Song 2022, Table 4 (QPTH), after OptNet (Amos & Kolter 2017); `partial` as in DeepEMD (Zhang
    et al. 2020); steps by Mehrotra 1992.
    """
    dtype, (n, m) = M.dtype, M.shape[1:]
    a, b, M = a.double(), b.double(), M.double()
    mass, Q = b.sum(dim=1), torch.full_like(M, gamma)
    if form == "partial":
        a, b, M, Q = _with_remainders(a, b, M, Q)
        mass = torch.maximum(a.sum(dim=1), b.sum(dim=1))
        Q = Q * mass.view(-1, 1, 1)
    a, b = _shares(a), _shares(b)
    wide = M.shape[2] > M.shape[1]  # the equations are reduced to the columns: these should be the fewer
    sides = (b, a, M.mT, Q.mT) if wide else (a, b, M, Q)
    plan, error = _interior_point(_scaled(*sides), n_iter=n_iter)
    (ConvergenceMonitor() if monitor is None else monitor)(error, tol=ACCEPTED, solver="qp", n_iter=n_iter)
    plan = plan.mT if wide else plan
    return (mass.view(-1, 1, 1) * plan[:, :n, :m]).to(dtype)


def _with_remainders(a: Tensor, b: Tensor, M: Tensor, Q: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The balanced problem with one more source and target, which take at no cost what stays behind."""
    excess = a.sum(dim=1, keepdim=True) - b.sum(dim=1, keepdim=True)
    excess = torch.where(excess.abs() > SAME * b.sum(dim=1, keepdim=True), excess, 0)
    a, b = torch.cat([a, (-excess).clamp_min(0)], dim=1), torch.cat([b, excess.clamp_min(0)], dim=1)
    return a, b, pad(M, (0, 1, 0, 1)), pad(Q, (0, 1, 0, 1))


def _shares(weights: Float[Tensor, "B n"]) -> Float[Tensor, "B n"]:
    """Weights that sum to 1, negligible ones 0."""
    weights = weights / weights.sum(dim=1, keepdim=True)
    weights = torch.where(weights > NEGLIGIBLE, weights, 0)
    return weights / weights.sum(dim=1, keepdim=True)


def _scaled(a: Tensor, b: Tensor, M: Tensor, Q: Tensor) -> _Problem:
    """A problem of unit mass with costs in [0, 1]: a constant cost changes no plan of fixed mass."""
    live = (a > 0).unsqueeze(2) & (b > 0).unsqueeze(1)
    lowest = torch.where(live, M, torch.inf).amin(dim=(1, 2), keepdim=True)
    C = torch.where(live, M - lowest, 0)
    spread = torch.maximum(C, Q).amax(dim=(1, 2), keepdim=True)
    return _Problem(a, b, C / spread, Q / spread, live)


def _interior_point(problem: _Problem, *, n_iter: int) -> tuple[Float[Tensor, "B n m"], Float[Tensor, " B"]]:
    """The best plans on the way, and how far they are off."""
    point = _start(problem)
    errors = _errors(problem, point)
    best, least = point.x, errors.largest()
    for _ in range(n_iter):
        if least.device.type == "cpu" and bool((least <= SETTLED).all()):
            break
        point = _advance(problem, point, errors, moving=least > SETTLED)
        errors = _errors(problem, point)
        error = errors.largest()
        better = error < least
        best, least = torch.where(better.view(-1, 1, 1), point.x, best), torch.where(better, error, least)
    return best, least


def _start(problem: _Problem) -> _Point:
    """Half-way from the independent plan to the even one, lest light samples start at their bound."""
    a, b, C, Q, live = problem
    even = live / live.sum(dim=(1, 2), keepdim=True)
    x = (a.unsqueeze(2) * b.unsqueeze(1) + even) / 2
    return _Point(x, torch.where(live, 1 + C + Q * x, 0), torch.zeros_like(a), -torch.ones_like(b))


def _errors(problem: _Problem, point: _Point) -> _Errors:
    x, z, y, w = point
    dual = y.unsqueeze(2) + w.unsqueeze(1) + z - problem.C - problem.Q * x
    return _Errors(
        torch.where(problem.live, dual, 0),
        problem.a - x.sum(dim=2),
        problem.b - x.sum(dim=1),
        (x * z).sum(dim=(1, 2)),
    )


def _advance(problem: _Problem, point: _Point, errors: _Errors, *, moving: Bool[Tensor, " B"]) -> _Point:
    """A predictor step to the optimum, and from what it shows, the corrected and centred step taken.

    Source: Mehrotra 1992.
    """
    live, gap = problem.live, errors.gap
    system = _factorise(problem, point)
    product = point.x * point.z
    ahead = _direction(system, point, errors, -product)
    reach = _reach(point, ahead).clamp_max(1).view(-1, 1, 1)
    left = ((point.x + reach * ahead.x) * (point.z + reach * ahead.z)).sum(dim=(1, 2))
    centre = (left / gap).clamp(0, 1) ** 3 * gap / live.sum(dim=(1, 2))
    wanted = torch.where(live, centre.view(-1, 1, 1) - product - ahead.x * ahead.z, 0)
    step = _direction(system, point, errors, wanted)
    reach = (TO_THE_WALL * _reach(point, step)).clamp_max(1)
    sound = torch.stack([part.flatten(1).isfinite().all(dim=1) for part in step]).all(dim=0)
    go = moving & sound & (system.info == 0)  # others stay: what was best of them is kept
    moved = [
        torch.where(_like(go, part), start + _like(reach, part) * part, start)
        for start, part in zip(point, step, strict=True)
    ]
    return _Point(*moved)


def _factorise(problem: _Problem, point: _Point) -> _System:
    """Newton's equations with plan and rows eliminated.

    What is left is the Laplacian of a graph on the columns. One column is left out, since the sums depend
    on each other; the diagonal is added up from the other entries instead of subtracted, for near the end
    weights differ by twenty orders of magnitude and a difference would have no correct digit.
    """
    x = torch.where(problem.live, point.x, 1)
    weight = torch.where(problem.live, x / (problem.Q * x + point.z), 0)
    row = weight.sum(dim=2, keepdim=True)
    row = torch.where(row > 0, row, 1)
    edges = weight.mT @ (weight / row)
    edges = edges - torch.diag_embed(edges.diagonal(dim1=1, dim2=2))
    keep = (problem.b > 0) & ~one_hot(problem.b.argmax(dim=1), problem.b.shape[1]).bool()
    inner = edges * (keep.unsqueeze(2) & keep.unsqueeze(1))
    laplacian = torch.diag_embed(torch.where(keep, edges.sum(dim=2), 1)) - inner
    factor, info = torch.linalg.cholesky_ex(laplacian)
    return _System(x, weight, row, keep, factor, info)


def _direction(system: _System, point: _Point, errors: _Errors, wanted: Float[Tensor, "B n m"]) -> _Point:
    """The step that makes the errors 0, and changes x z by what is wanted, to first order."""
    x, weight, row, keep, factor, _ = system
    free = errors.dual + wanted / x
    pulled = weight * free
    on_rows = (errors.row - pulled.sum(dim=2)).unsqueeze(2) / row
    on_columns = errors.column - pulled.sum(dim=1) - (weight.mT @ on_rows).squeeze(2)
    dw = torch.cholesky_solve(torch.where(keep, on_columns, 0).unsqueeze(2), factor)
    dy = on_rows - weight @ dw / row
    dx = weight * (dy + dw.mT + free)
    return _Point(dx, (wanted - point.z * dx) / x, dy.squeeze(2), dw.squeeze(2))


def _reach(point: _Point, step: _Point) -> Float[Tensor, " B"]:
    """How many steps lead to the nearest bound."""
    to_bounds = [
        torch.where(change < 0, value / -change, torch.inf).amin(dim=(1, 2))
        for value, change in ((point.x, step.x), (point.z, step.z))
    ]
    return torch.minimum(*to_bounds)


def _like(values: Tensor, tensor: Tensor) -> Tensor:
    """One value per problem, with as many dimensions as a tensor."""
    return values.view(-1, *[1] * (tensor.ndim - 1))
