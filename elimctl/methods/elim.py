"""ELIM: match every identity with a reference, take the identity shift out, regress what is left.

Source: Kim & Song, Optimal Transport-based Identity Matching for Identity-invariant Facial Expression
Recognition, NeurIPS 2022.
"""

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, field_validator
from torch import Tensor

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.loader.batch import Batch
from elimctl.loader.groups import PADDING
from elimctl.losses.mse import grouped_mse
from elimctl.methods.matching import Sampling, Weights, gather, plan_and_cost, select
from elimctl.methods.regression import (
    Losses,
    RegressionConfig,
    Regressor,
    Weight,
    batch_losses,
    batch_weights,
    feature_widths,
    with_total,
)
from elimctl.transport.precision import full_precision
from elimctl.transport.shift import Share, identity_shift, remove_shift, share
from elimctl.transport.weights import Norm

SAMPLER = "identity"  # batches of N identities; A.10 row 23
REFERENCE_EPS = 1e-6  # what the reference code adds; A.10 row 3

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Config(RegressionConfig):
    """Settings of ELIM; A.10 is the table of decisions in docs/methods.md."""

    eta: Positive = 5.0  # per unit of cosine cost; A.10 row 1
    eta_form: Literal["multiply", "divide"] = "multiply"  # kernel exp(-eta C) or exp(-C / eta); A.10 row 1
    reg: Positive | None = None  # regularisation as in POT, kernel exp(-C / reg); overrides eta; A.10 row 1
    log_domain: Literal["auto", "always", "never"] = "auto"  # auto: where reg is small; A.5
    n_iter: Count = 5  # T, Sinkhorn iterations; A.10 row 2
    tol: Positive | None = None  # relative change at which Sinkhorn may stop before n_iter; A.10 row 2
    eps_everywhere: bool = False  # the reference code's 1e-6 inside Sinkhorn; A.10 row 3
    weights: Weights = "relevance"  # Eq. 8, or its ablation; A.4, A.12
    weight_normalisation: Norm = "count"  # A.10 row 4
    shift: Share = "per_sample"  # whose shift a target sample gets; A.10 row 5
    update: Literal["joint", "alternate"] = "joint"  # one optimiser step an iteration, or two; A.10 row 7
    lambda_main: Weight = 1.0  # weight of L_main; A.10 row 8
    warmup: tuple[int, int] | None = None  # (c1, c2): L_main off before step c1, then step / c2; A.10 row 12
    projector_bn: Literal["none", "shared", "per_identity"] = "shared"  # A.10 rows 13 and 14
    include_reference: bool = False  # add the reference's own error to L_main; A.10 row 15
    reference: Literal["random", "first"] = "random"  # which group the others are matched to; A.10 row 16
    differentiate_plan: bool = False  # let the gradient flow through the shift; A.10 row 17
    samples: Annotated[int, Field(ge=2)] = 10  # k, samples of an identity; A.10 row 19
    sampling: Sampling = "gumbel"  # how they are chosen; A.10 row 20

    @property
    def regularisation(self) -> float:
        """Entropic regularisation, in units of the cosine cost."""
        if self.reg is not None:
            return self.reg
        return 1 / self.eta if self.eta_form == "multiply" else self.eta

    @field_validator("eps_everywhere")
    @classmethod
    def _plain_domain(cls, value: bool, others: Any) -> bool:  # ValidationInfo cannot be checked at run time
        if value and others.data.get("log_domain") == "always":
            raise ValueError("has no meaning with log_domain = 'always'")
        return value

    @field_validator("warmup")
    @classmethod
    def _rising(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 <= value[0] <= value[1] != 0:
            raise ValueError("should be [c1, c2] with 0 <= c1 <= c2 and c2 > 0")
        return value


class Elim(Regressor):
    """A regressor that learns from matched, shift-free features as well as from whole batches.

    Args:
        config: the method's settings.
        backbone: normalised images to features.
        projector: features to (valence, arousal).
    """

    projector: Projector

    def __init__(self, config: Config, backbone: Backbone, projector: Projector) -> None:
        super().__init__(backbone, projector)
        self.config = config

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """L_main + L_va + 0.5 (L_PCC + L_CCC) by default; of alternate updates, `main` in the second alone.

        Returns:
            `total`, `va`, `pcc`, `ccc` and `main`; `main` is 0 if fewer than two identities can be matched.

        Source: Kim & Song 2022, algorithm 1 and appendix algorithm 4; decision A.10 row 7.
        """
        features = self.features(batch)
        preds = self.project(features)
        parts: Losses = {}
        if update == 0:
            parts = batch_losses(preds, batch.target)
        if update == 1 or self.config.update == "joint":
            parts |= {"main": self.matching_loss(features, preds, batch)}
        return with_total(parts, self._weights(batch.step))

    def updates(self, batch: Batch) -> int:
        """All losses at once; or those of the batch and then, encoded anew, `main`, if there is one.

        Source: decision A.10 row 7.
        """
        return 1 if self.config.update == "joint" or len(batch.groups) < 2 else 2

    @full_precision
    def matching_loss(
        self, features: Float[Tensor, "B d"], preds: Float[Tensor, "B 2"], batch: Batch
    ) -> Float[Tensor, ""]:
        """L_main: the errors on the shift-free features of the target identities, summed over these.

        Args:
            features: features z of the batch.
            preds: their predictions.
            batch: where they come from.

        Source: Kim & Song 2022, Eq. 5 and 6.
        """
        config = self.config
        if len(batch.groups) < 2:
            return preds.new_zeros(())
        generator = torch.Generator().manual_seed(batch.seed)
        chosen = int(torch.randint(len(batch.groups), (), generator=generator))
        kept = select(
            batch.groups, batch.target, sampling=config.sampling, k=config.samples, generator=generator
        )
        if config.reference == "random":
            kept = kept.roll(-chosen, dims=0)  # from here on the reference comes first
        mask, z, target = kept != PADDING, gather(features, kept), gather(batch.target, kept)
        shift_free = remove_shift(z[1:], self.shifts(z, mask))
        errors = grouped_mse(self.project_groups(shift_free, mask[1:]), target[1:], mask[1:]).sum()
        if config.include_reference:
            errors = errors + grouped_mse(gather(preds, kept[:1]), target[:1], mask[:1]).sum()
        return errors

    def shifts(self, features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"]) -> Float[Tensor, "T k"]:
        """Identity shifts of the target samples, T = N - 1.

        Args:
            features: features of N identities, the reference first, zeros at padding.
            mask: True at real samples.

        Returns:
            mu, without a gradient unless `differentiate_plan` is set; 0 at padding unless shared.

        Source: Kim & Song 2022, Eq. 2, 3 and 8.
        """
        config = self.config
        with torch.set_grad_enabled(config.differentiate_plan and torch.is_grad_enabled()):
            plan, M = plan_and_cost(
                features[0],
                features[1:],
                mask[0],
                mask[1:],
                reg=config.regularisation,
                n_iter=config.n_iter,
                tol=config.tol,
                eps=REFERENCE_EPS if config.eps_everywhere else 0.0,
                weights=config.weights,
                norm=config.weight_normalisation,
                log_domain=self._log_domain(),
            )
            return share(identity_shift(M, plan), mask[1:], among=config.shift)

    @full_precision
    def project_groups(
        self, features: Float[Tensor, "T k d"], mask: Bool[Tensor, "T k"]
    ) -> Float[Tensor, "T k 2"]:
        """Predictions of shift-free features, all targets in one call.

        Source: decision A.10 rows 13 and 14.
        """
        return self.projector.groups(features, mask, per_group=self.config.projector_bn == "per_identity")

    def _log_domain(self) -> bool | None:
        if self.config.eps_everywhere:
            return False
        return {"auto": None, "always": True, "never": False}[self.config.log_domain]

    def _weights(self, step: int) -> dict[str, float]:
        """Weights of all parts in a step."""
        return batch_weights(self.config) | {"main": self.config.lambda_main * self._warmup(step)}

    def _warmup(self, step: int) -> float:
        """Factor of L_main in a step, rising from 0 to 1.

        Source: decision A.10 row 12.
        """
        if self.config.warmup is None:
            return 1.0
        start, end = self.config.warmup
        return 0.0 if step < start else min(1.0, step / end)


def build(config: Config, backbone: Backbone) -> Elim:
    """Build ELIM on a backbone, with a projector as wide as the backbone's features."""
    _, d = feature_widths(backbone.neck)
    return Elim(config, backbone, Projector(d, bn=config.projector_bn != "none"))
