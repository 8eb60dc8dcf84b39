"""ELIM: match every identity with a reference, take the identity shift out, regress what is left.

Source: Kim & Song, Optimal Transport-based Identity Matching for Identity-invariant Facial Expression
Recognition, NeurIPS 2022.
"""

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field, field_validator
from torch import Tensor

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.loader.batch import Batch
from elimctl.loader.groups import PADDING
from elimctl.losses import grouped_mse
from elimctl.methods.matching import Sampling, gather, select
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
from elimctl.methods.shifts import ShiftConfig, shifts
from elimctl.transport.convergence import ConvergenceMonitor
from elimctl.transport.precision import full_precision
from elimctl.transport.shift import remove_shift

SAMPLER = "identity"  # batches of N identities; A.10 row 23
MATCHES = "identities"


class Config(ShiftConfig, RegressionConfig):
    """Settings of ELIM; A.10 is the table of decisions in docs/methods.md."""

    update: Literal["joint", "alternate"] = "joint"  # one optimiser step an iteration, or two; A.10 row 7
    lambda_main: Weight = 1.0  # weight of L_main; A.10 row 8
    warmup: tuple[int, int] | None = None  # (c1, c2): L_main off before step c1, then step / c2; A.10 row 12
    projector_bn: Literal["none", "shared", "per_identity"] = "shared"  # A.10 rows 13 and 14
    reference: Literal["random", "first"] = "random"  # which group the others are matched to; A.10 row 16
    include_reference: bool = False  # add the references' own errors to L_main; A.10 row 15
    samples_per_identity: Annotated[int, Field(ge=2)] = 10  # k; A.10 row 19
    sampling: Sampling = "gumbel"  # how they are chosen; A.10 row 20
    divide_spread: bool = True  # whether Eq. 4 divides by sigma, or subtracts mu alone; A.7

    @field_validator("include_reference")
    @classmethod
    def _has_own_errors(cls, value: bool, others: Any) -> bool:  # ValidationInfo: as in ShiftConfig
        if value and others.data.get("references") == "barycentre":
            raise ValueError("cannot be used with references = 'barycentre'")
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
        self.monitor = ConvergenceMonitor()

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
        kept = self.draw(batch)
        targets = kept[config.first_target :]
        mask = targets != PADDING
        found = self.project_groups(self.shift_free(features, kept), mask)
        errors = grouped_mse(found, gather(batch.target, targets), mask).sum()
        if config.include_reference:
            own = kept[: config.count_references(len(kept))]
            errors = errors + grouped_mse(gather(preds, own), gather(batch.target, own), own != PADDING).sum()
        return errors

    def draw(self, batch: Batch) -> Int64[Tensor, "N k"]:
        """Choose the samples that take part in matching, and the references, which come first.

        Args:
            batch: with two identities to match, or more.

        Returns:
            Positions in the batch, one row per identity, padded at the end with -1.
        """
        config, generator = self.config, torch.Generator().manual_seed(batch.seed)
        chosen = int(torch.randint(len(batch.groups), (), generator=generator))
        kept = select(
            batch.groups,
            batch.target,
            sampling=config.sampling,
            k=config.samples_per_identity,
            generator=generator,
        )
        if config.reference == "first":
            return kept
        kept = kept.roll(-chosen, dims=0)
        if 1 < config.count_references(len(kept)) < len(kept):
            others = 1 + torch.randperm(len(kept) - 1, generator=generator)
            kept = torch.cat([kept[:1], kept[others.to(kept.device, non_blocking=True)]])
        return kept

    def shift_free(
        self, features: Float[Tensor, "B d"], kept: Int64[Tensor, "N k"]
    ) -> Float[Tensor, "T k d"]:
        """Features of the target identities without their identity shift.

        Args:
            features: features z of a batch.
            kept: as `draw` returns it.

        Returns:
            Features of the identities from `config.first_target` on; finite at padding.

        Source: Kim & Song 2022, Eq. 4.
        """
        z = gather(features, kept)
        shift = self.shifts(z, kept != PADDING)
        return remove_shift(z[self.config.first_target :], shift, divide_spread=self.config.divide_spread)

    def shifts(self, features: Float[Tensor, "N k d"], mask: Bool[Tensor, "N k"]) -> Float[Tensor, "T k"]:
        """Identity shifts of the target samples: T = N - 1 with one reference, otherwise T = N.

        Args:
            features: features of N identities, references first, zeros at padding.
            mask: True at real samples.

        Returns:
            mu, without a gradient unless `differentiate_plan` is set; 0 at padding unless shared.

        Source: Kim & Song 2022, Eq. 2, 3 and 8.
        """
        return shifts(features, mask, self.config, monitor=self.monitor)

    @full_precision
    def project_groups(
        self, features: Float[Tensor, "T k d"], mask: Bool[Tensor, "T k"]
    ) -> Float[Tensor, "T k 2"]:
        """Predictions of shift-free features, all targets in one call.

        Source: decision A.10 rows 13 and 14.
        """
        return self.projector.groups(features, mask, per_group=self.config.projector_bn == "per_identity")

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
