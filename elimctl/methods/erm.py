"""Empirical risk minimisation: the network of ELIM, trained without matching.

Source: Kim & Song 2022 (the baseline, "only CNN and FC layers"); decision A.11.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.loader.batch import Batch
from elimctl.methods.regression import (
    Losses,
    RegressionConfig,
    Regressor,
    batch_losses,
    batch_weights,
    feature_widths,
    with_total,
)

SAMPLER = "shuffle"  # plain batches


class Config(RegressionConfig):
    """Settings of the baseline; A.10 and A.11 are sections of docs/methods.md."""

    projector_bn: Literal["none", "shared"] = "shared"  # A.10 row 13
    head: Literal["projector", "rz"] = (
        "projector"  # rz: FER-Zoo's own head instead of neck and projector; A.11
    )
    head_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # probability, rz only; A.11


class Erm(Regressor):
    """A regressor trained on the losses of whole batches alone.

    Args:
        config: the method's settings.
        backbone: normalised images to features.
        projector: features to (valence, arousal).
    """

    def __init__(self, config: Config, backbone: Backbone, projector: nn.Module) -> None:
        super().__init__(backbone, projector)
        self.config = config

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """L_va + 0.5 (L_PCC + L_CCC) by default; groups are not looked at."""
        parts = batch_losses(self.project(self.features(batch)), batch.target)
        return with_total(parts, batch_weights(self.config))


def build(config: Config, backbone: Backbone) -> Erm:
    """Build the baseline on a backbone.

    Args:
        config: the method's settings.
        backbone: with `head = "rz"` its neck is dropped.
    """
    trunk_width, d = feature_widths(backbone.neck)
    if config.head == "rz":
        return Erm(
            config, Backbone(backbone.trunk, nn.Identity()), _rz_head(trunk_width, config.head_dropout)
        )
    return Erm(config, backbone, Projector(d, bn=config.projector_bn == "shared"))


def _rz_head(trunk_width: int, dropout: float) -> nn.Sequential:
    """The head of FER-Zoo's baseline, from the trunk's features to (valence, arousal)."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(trunk_width, 64),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(64, 512),
        nn.ReLU(),
        nn.Linear(512, 2),
    )
