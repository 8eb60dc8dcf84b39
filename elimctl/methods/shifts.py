"""From the features of a batch's identities to their identity shifts, as the settings say."""

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor

from elimctl.config import Config
from elimctl.methods.matching import Weights, entropic, problems
from elimctl.transport.barycentre import barycentre
from elimctl.transport.convergence import ConvergenceMonitor
from elimctl.transport.precision import full_precision
from elimctl.transport.qp import Form, qp
from elimctl.transport.shift import Share, Weighting, average, identity_shift, share
from elimctl.transport.sinkhorn import SolverOptions
from elimctl.transport.weights import Norm

REFERENCE_EPS = 1e-6  # what the reference code adds; A.10 row 3

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
References = Count | Literal["all", "barycentre"]


class ShiftConfig(Config):
    """Settings of matching; A.10 is the table of decisions in docs/methods.md."""

    eta: Positive = 5.0  # per unit of cosine cost; A.10 row 1
    eta_form: Literal["multiply", "divide"] = "multiply"  # kernel exp(-eta C) or exp(-C / eta); A.10 row 1
    reg: Positive | None = None  # regularisation as in POT, kernel exp(-C / reg); overrides eta; A.10 row 1
    solver: Literal["sinkhorn", "qp"] = "sinkhorn"  # of the transport problems; Table 4, A.12
    qp_form: Form = "balanced"  # A.12
    qp_gamma: Positive = 1e-4  # quadratic penalty, per mass, in units of the cosine cost; A.12
    log_domain: Literal["auto", "always", "never"] = "auto"  # auto: where reg is small; A.5
    n_iter: Count = 5  # T, Sinkhorn iterations; A.10 row 2
    tol: Positive | None = None  # relative change at which Sinkhorn may stop before n_iter; A.10 row 2
    eps_everywhere: bool = False  # the reference code's 1e-6 inside Sinkhorn; A.10 row 3
    weights: Weights = "relevance"  # Eq. 8, or its ablation; A.4, A.12
    weight_normalisation: Norm = "count"  # A.10 row 4
    shift: Share = "per_sample"  # whose shift a target sample gets; A.10 row 5
    references: References = 1  # what targets are matched to; A.13
    reference_weights: Weighting = "cost"  # what each of several references counts; A.13
    differentiate_plan: bool = False  # let the gradient flow through the shift; A.10 row 17

    @property
    def regularisation(self) -> float:
        """Entropic regularisation, in units of the cosine cost."""
        if self.reg is not None:
            return self.reg
        return 1 / self.eta if self.eta_form == "multiply" else self.eta

    @property
    def eps(self) -> float:
        """What is added inside Sinkhorn."""
        return REFERENCE_EPS if self.eps_everywhere else 0.0

    @property
    def first_target(self) -> int:
        """Place of the first target identity: a reference that stands alone is no target."""
        return 1 if self.references == 1 else 0

    def count_references(self, identities: int) -> int:
        """How many of a batch's identities are references, which come first."""
        if isinstance(self.references, int):
            return min(self.references, identities)
        return identities if self.references == "all" else 0

    @field_validator("references", mode="plain")
    @classmethod
    def _known_references(cls, value: object) -> object:  # one message, where a union has one of each kind
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not (whole or value in ("all", "barycentre")):
            raise ValueError("should be a number of identities >= 1, 'all' or 'barycentre'")
        return value

    @field_validator("eps_everywhere", "differentiate_plan")
    @classmethod
    def _has_meaning(cls, value: bool, field: Any) -> bool:  # ValidationInfo cannot be checked at run time
        pointless = {
            "eps_everywhere": (("log_domain", "always"), ("solver", "qp")),
            "differentiate_plan": (("solver", "qp"),),  # its plan is a corner; it has no gradient here
        }
        for key, other in pointless[field.field_name]:
            if value and field.data.get(key) == other:
                raise ValueError(f"has no meaning with {key} = {other!r}")
        return value


@full_precision
def shifts(
    features: Float[Tensor, "N k d"],
    mask: Bool[Tensor, "N k"],
    config: ShiftConfig,
    *,
    monitor: ConvergenceMonitor,
) -> Float[Tensor, "T k"]:
    """Identity shifts of the target samples: T = N - 1 with one reference, otherwise T = N.

    With several references the shifts from them are averaged; one that is a target too is matched to the
    others. The barycentre's points are all samples, its weights replace those of Eq. 8 on the source side.

    Args:
        features: features of N identities, references first, zeros at padding.
        mask: True at real samples.
        config: how.
        monitor: told about solvers that did not converge.

    Returns:
        mu, without a gradient unless `differentiate_plan` is set; 0 at padding unless shared.

    Source: Kim & Song 2022, Eq. 2, 3 and 8; decision A.13.
    """
    first = config.first_target
    with torch.set_grad_enabled(config.differentiate_plan and torch.is_grad_enabled()):
        sources, source_mask = _sources(features, mask, config)
        a, b, M = problems(
            sources,
            features[first:],
            source_mask,
            mask[first:],
            weights=config.weights,
            norm=config.weight_normalisation,
            eps=config.eps,
        )
        if config.references == "barycentre":
            reg, points = config.regularisation, source_mask[0]
            centre = barycentre(b, M, reg=reg, n_iter=config.n_iter, mask=points)
            a = centre * b.sum(dim=1, keepdim=True)  # of the same mass: nothing is to stay behind
        pairs = (len(sources), len(features) - first)
        plan = plans(a, b, M, source_mask.repeat_interleave(pairs[1], dim=0), config, monitor=monitor)
        shift = _average(identity_shift(M, plan).view(*pairs, -1), config)
        return share(shift, mask[first:], among=config.shift)


def _sources(
    features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"], config: ShiftConfig
) -> tuple[Float[Tensor, "R n d"], Bool[Tensor, "R n"]]:
    """What targets are matched to: identities, or the samples of all of these as one."""
    count = config.count_references(len(features))
    if count:
        return features[:count], mask[:count]
    return features.flatten(0, 1).unsqueeze(0), mask.flatten().unsqueeze(0)


def plans(
    a: Float[Tensor, "P n"],
    b: Float[Tensor, "P m"],
    M: Float[Tensor, "P n m"],
    mask: Bool[Tensor, "P n"],
    config: ShiftConfig,
    *,
    monitor: ConvergenceMonitor,
) -> Float[Tensor, "P n m"]:
    """Plans of the solver that is set.

    Args:
        a: weights of the reference samples.
        b: weights of the target samples.
        M: cosine costs.
        mask: True at real reference samples.
        config: which solver, and how.
        monitor: told about solvers that did not converge.
    """
    if config.solver == "qp":
        return qp(a, b, M, gamma=config.qp_gamma, form=config.qp_form, monitor=monitor)
    log_domain = {"auto": None, "always": True, "never": False}[config.log_domain]
    return entropic(
        a,
        b,
        M,
        mask,
        reg=config.regularisation,
        n_iter=config.n_iter,
        options=SolverOptions(
            tol=config.tol,
            eps=config.eps,
            log_domain=False if config.eps_everywhere else log_domain,
            monitor=monitor,
        ),
    )


def _average(shift: Float[Tensor, "R T m"], config: ShiftConfig) -> Float[Tensor, "T m"]:
    """One shift per target sample, that from an identity to itself left out."""
    if len(shift) == 1:
        return shift[0]
    apart = ~torch.eye(*shift.shape[:2], dtype=torch.bool, device=shift.device)
    return average(shift, apart, by=config.reference_weights)
