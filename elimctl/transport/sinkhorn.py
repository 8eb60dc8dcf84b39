"""Entropic optimal transport of many small problems at once.

Both solvers stop after a fixed, small number of iterations, as ELIM does. With a small `reg` the plan has
then not converged; that is intended.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.convergence import ConvergenceMonitor
from elimctl.transport.precision import full_precision


class SolverOptions(NamedTuple):
    """Rare settings of the solvers.

    Args:
        tol: stop once no scaling changes by more, relative to the largest of its problem; this reads from
            the device in every iteration. None: always `n_iter` iterations.
        eps: added to the weights `a` and to every denominator, as the public code of ELIM does; `sinkhorn`
            only.
        log_domain: solver that `methods.matching.entropic` chooses; None: by `reg`.
        monitor: receives the remaining change if `tol` was not reached; None: warn at once.
    """

    tol: float | None = None
    eps: float = 0.0
    log_domain: bool | None = None
    monitor: ConvergenceMonitor | None = None


@full_precision
def sinkhorn(
    a: Float[Tensor, "B n"],
    b: Float[Tensor, "B m"],
    M: Float[Tensor, "B n m"],
    *,
    reg: float,
    n_iter: int,
    mask: Bool[Tensor, "#B n"] | None = None,
    options: SolverOptions = SolverOptions(),
) -> Float[Tensor, "B n m"]:
    """Solve B entropic transport problems together.

    The kernel exp(-M / reg) must not underflow: use `sinkhorn_log` for small `reg`.

    >>> a, b, M = torch.full((1, 2), 0.5), torch.full((1, 2), 0.5), torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> sinkhorn(a, b, M, reg=0.1, n_iter=5).round(decimals=3)
    tensor([[[0.5000, 0.0000],
             [0.0000, 0.5000]]])

    Args:
        a: source weights, >= 0; their scale does not matter.
        b: target weights, >= 0, not all 0 in any problem; 0 marks padding.
        M: finite costs, any unit.
        reg: regularisation, in M's unit, > 0.
        n_iter: iterations, >= 1.
        mask: False at padding sources; None: no padding. A real source of weight 0 takes part in the first
            iteration, so weights cannot mark padding.
        options: tolerance and the like.

    Returns:
        Plans; columns sum to b exactly (with eps = 0), rows approach a.

    Warns:
        ConvergenceWarning: `options.tol` was not reached.

    Source: Kim & Song 2022, appendix algorithm 1, in the form that allows weights of 0.
    """
    tol, eps = options.tol, options.eps
    K = torch.exp(M / -reg)
    K_rows = K.mT.contiguous()  # a row times a contiguous matrix is the fastest of small products
    u = torch.ones_like(a) if mask is None else mask.expand_as(a).to(a.dtype)
    floor: Tensor | None = None
    if eps:  # only then does the scale of u matter
        a = (a + eps) * u
        u = u / u.sum(dim=1, keepdim=True)
        floor = (eps * a).unsqueeze(1)
    a, b, u = a.unsqueeze(1), b.unsqueeze(1), u.unsqueeze(1)
    for _ in range(n_iter):
        before = u
        v = _divide(b, torch.bmm(u, K), eps or None)
        u = _divide(a, torch.bmm(v, K_rows), floor)
        if tol is not None and _settled(change := _relative_change(before.squeeze(1), u.squeeze(1)), tol):
            break
    else:
        if tol is not None:
            (options.monitor or ConvergenceMonitor())(change, tol=tol, solver="sinkhorn", n_iter=n_iter)
    v = _divide(b, torch.bmm(u, K), eps or None)
    return u.mT * K * v


@full_precision
def sinkhorn_log(
    a: Float[Tensor, "B n"],
    b: Float[Tensor, "B m"],
    M: Float[Tensor, "B n m"],
    *,
    reg: float,
    n_iter: int,
    mask: Bool[Tensor, "#B n"] | None = None,
    options: SolverOptions = SolverOptions(),
) -> Float[Tensor, "B n m"]:
    """Solve the problems of `sinkhorn` with logarithms, which is finite for any `reg`.

    `a` is not all 0 in any problem. Columns of the plans sum to b up to rounding, rows approach a.

    Source: Kim & Song 2022, appendix algorithm 1; Peyré & Cuturi 2019, section 4.4.
    """
    tol = options.tol
    log_K, log_a, log_b = -M / reg, log_weights(a), log_weights(b)
    log_u = log_weights(torch.ones_like(a) if mask is None else mask.expand_as(a).to(a.dtype))
    for _ in range(n_iter):
        before = log_u
        log_v = log_b - torch.logsumexp(log_K + log_u.unsqueeze(2), dim=1)
        log_u = log_a - torch.logsumexp(log_K + log_v.unsqueeze(1), dim=2)
        if tol is not None:
            highest = torch.maximum(before, log_u).amax(dim=1, keepdim=True)
            change = _relative_change((before - highest).exp(), (log_u - highest).exp())
            if _settled(change, tol):
                break
    else:
        if tol is not None:
            (options.monitor or ConvergenceMonitor())(change, tol=tol, solver="sinkhorn", n_iter=n_iter)
    log_v = log_b - torch.logsumexp(log_K + log_u.unsqueeze(2), dim=1)
    return (log_u.unsqueeze(2) + log_K + log_v.unsqueeze(1)).exp()


def _divide(
    weights: Float[Tensor, "B 1 n"],
    sums: Float[Tensor, "B 1 n"],
    floor: Float[Tensor, "B 1 n"] | float | None,
) -> Float[Tensor, "B 1 n"]:
    return weights / (sums if floor is None else sums + floor)


def log_weights(weights: Float[Tensor, "*B n"]) -> Float[Tensor, "*B n"]:
    """Logarithm with -inf for 0, and a gradient of 0 there instead of NaN."""
    positive = weights > 0
    return torch.where(positive, torch.where(positive, weights, 1).log(), -torch.inf)


def _relative_change(before: Float[Tensor, "B n"], after: Float[Tensor, "B n"]) -> Float[Tensor, " B"]:
    return (after - before).detach().abs().amax(dim=1) / after.detach().abs().amax(dim=1)


def _settled(change: Float[Tensor, " B"], tol: float) -> bool:
    return bool((change <= tol).all())
