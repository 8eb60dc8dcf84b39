"""ELIM-Age: ELIM that takes the shift between groups of ages out, instead of that between identities.

Source: Kim & Song 2022, appendix section 4.4 and appendix Table 2.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from pydantic import field_validator
from torch import Tensor

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.datasets.ages import GROUPS, Bins
from elimctl.errors import ConfigError
from elimctl.loader.batch import Batch
from elimctl.loader.batches import Samples
from elimctl.loader.groups import PADDING, matching_groups
from elimctl.methods import elim
from elimctl.methods.regression import feature_widths

SAMPLER = "shuffle"  # plain batches, as in the reference code; C.2
MATCHES = "groups of ages"
NEEDS = ("age",)  # columns of the manifest without which there is nothing to learn from


class Config(elim.Config):
    """Settings of ELIM-Age: those of ELIM, and how ages are grouped."""

    boundaries: Bins = GROUPS  # ends of the groups, years, each with its lower end and not its upper one; C.2
    youngest: bool = False  # a further group, from birth to the first boundary; C.2
    missing_age_value: float = 0.0  # stands for "not known", years; below 0: nothing does; C.2

    @field_validator("youngest")
    @classmethod
    def _below(cls, value: bool, others: Any) -> bool:  # ValidationInfo cannot be checked at run time
        if value and 0 in others.data.get("boundaries", ()):
            raise ValueError("cannot be used if the boundaries begin at 0")
        return value

    @property
    def bins(self) -> tuple[int, ...]:
        """Ends of all groups, years."""
        return (0, *self.boundaries) if self.youngest else self.boundaries


class ElimAge(elim.Elim):
    """ELIM that matches groups of ages.

    A sample whose age is not known or in no group counts in the losses of the batch, and is not matched.

    Args:
        config: the method's settings.
        backbone: normalised images to features.
        projector: features to (valence, arousal).
    """

    config: Config

    def updates(self, batch: Batch) -> int:
        """As of ELIM, by the groups of ages."""
        return super().updates(self._grouped(batch))

    def matching_loss(
        self, features: Float[Tensor, "B d"], preds: Float[Tensor, "B 2"], batch: Batch
    ) -> Float[Tensor, ""]:
        """L_main of the groups of ages, whatever groups the batch came with."""
        return super().matching_loss(features, preds, self._grouped(batch))

    def _grouped(self, batch: Batch) -> Batch:
        """The batch with groups of ages.

        Raises:
            ConfigError: it has no ages.
        """
        if batch.age is None:
            raise ConfigError(
                "method elim-age needs ages, and the dataset has none",
                hint="prepare it with ages: elimctl prepare affectnet RAW --ages FILE, or --ages model",
            )
        ages = batch.age.cpu().numpy()  # what is grouped decides shapes
        groups = torch.from_numpy(age_groups(ages, self.config, seed=batch.seed))
        return replace(batch, groups=groups.to(batch.groups.device, non_blocking=True))


def age_groups(age: Float32[np.ndarray, " B"], config: Config, *, seed: int) -> Int64[np.ndarray, "N n"]:
    """The samples of each group of ages that takes part in matching.

    Args:
        age: years, NaN where it is not known.
        config: the boundaries, and k, the samples that a group needs.
        seed: of the batch; where all groups take part, it decides nothing.

    Returns:
        Positions in the batch, groups by age, padded at the end with -1; of shape (0, 0) if fewer than two
        groups have k samples.

    Source: Kim & Song 2022, appendix section 4.4; decision C.2.
    """
    codes = _codes(age, config)
    positions = np.flatnonzero(codes != PADDING)
    groups = matching_groups(
        codes[positions],
        identities=len(config.bins) - 1,
        min_samples=config.samples_per_identity,
        rng=np.random.default_rng(seed),
    )
    return np.append(positions, PADDING)[groups]  # -1 picks the last


def matched(samples: Samples, config: Config) -> Int64[np.ndarray, " n"]:
    """The group of ages of each sample of a split, -1 where it is in none."""
    if samples.age is None:
        return np.full(len(samples), PADDING)
    return _codes(samples.age, config)


def _codes(age: Float32[np.ndarray, " n"], config: Config) -> Int64[np.ndarray, " n"]:
    """Number of the group that each age is in, -1 for none."""
    bins = np.asarray(config.bins)
    codes = np.searchsorted(bins, age, side="right") - 1  # NaN sorts after all numbers
    known = (codes >= 0) & (codes < len(bins) - 1) & (age != config.missing_age_value)
    return np.where(known, codes, PADDING)


def build(config: Config, backbone: Backbone) -> ElimAge:
    """Build ELIM-Age on a backbone, with a projector as wide as the backbone's features."""
    _, d = feature_widths(backbone.neck)
    return ElimAge(config, backbone, Projector(d, bn=config.projector_bn != "none"))
