"""The Wasserstein barycentre of several identities on given points."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from elimctl.transport.precision import full_precision
from elimctl.transport.sinkhorn import log_weights


@full_precision
def barycentre(
    b: Float[Tensor, "N m"],
    M: Float[Tensor, "N s m"],
    *,
    reg: float,
    n_iter: int,
    mask: Bool[Tensor, " s"] | None = None,
) -> Float[Tensor, " s"]:
    """Weights of the points whose entropic transport to N measures costs least, all measures counting alike.

    Computed with logarithms: finite for any `reg`. As in Sinkhorn a fixed number of iterations is done.

    Args:
        b: weights of each measure's samples, >= 0, not all 0 in any; their scale does not matter.
        M: finite costs from the s points of the support to the samples of each measure, any unit.
        reg: regularisation, in M's unit, > 0; a large one blurs the barycentre towards equal weights.
        n_iter: iterations, >= 1.
        mask: False at points that are padding; None: there are none.

    Returns:
        Weights, > 0 where the mask is True, summing to 1.

    Source: Benamou et al. 2015, Proposition 2 (iterative Bregman projections).
    """
    log_K, log_b = -M / reg, log_weights(b)
    real = torch.ones_like(M[0, :, 0]) if mask is None else mask.to(M.dtype)
    log_u = log_weights(real).expand(len(M), -1)
    for _ in range(n_iter):
        log_v = log_b - torch.logsumexp(log_K + log_u.unsqueeze(2), dim=1)
        reached = torch.logsumexp(log_K + log_v.unsqueeze(1), dim=2)
        log_p = reached.mean(dim=0) + log_weights(real)  # the geometric mean of what each measure sends
        log_u = log_p - reached
    return log_p.softmax(dim=0)
