"""CAF: a regressor, and a critic of its features that tells strong emotions from weak ones.

An iteration has three updates: of the regressor on labels, of the critic alone, and of the encoder against
the critic.

Source: Kim & Song, Contrastive Adversarial Learning for Person Independent Facial Emotion Recognition,
AAAI 2021, as its published code computes it; section D of docs/methods.md.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.func import functional_call

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.projector import Projector
from elimctl.loader.batch import Batch
from elimctl.losses import rmse
from elimctl.methods import caf_critic
from elimctl.methods.caf_critic import critic_loss
from elimctl.methods.caf_groups import Threshold, strong_and_weak
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

SAMPLER = "shuffle"  # plain batches
REGRESSION, CRITIC, ENCODER = range(3)  # the updates of an iteration

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Config(RegressionConfig):
    """Settings of CAF; D.1 to D.3 are sections of docs/methods.md."""

    # projector: the networks and so the features of ELIM and erm, as where Kim & Song 2022 compare them;
    # caf: those of the published code, without a neck; D.1, D.3
    head: Literal["projector", "caf"] = "projector"
    projector_bn: Literal["none", "shared"] = "shared"  # of head = "projector"; A.10 row 13
    error: Literal["mse", "rmse"] = "mse"  # of L_sup: that of ELIM, or of the published code; D.2 step 1
    threshold: Threshold = "quantile"  # how strong and weak are told apart; D.2 step 2
    quantile: Share = 0.75  # of intensities, threshold = "quantile" only; D.2 step 2
    bounds: tuple[Weight, Weight] = (0.65, 0.3)  # strong above, weak below, on r^2; D.2 step 2
    offset: float = 0.25  # on r^2, threshold = "reference" only; D.2 step 2
    variance: Positive = 0.2  # of the mutual information, on embeddings; D.2 step 3
    largest_information: Positive = 2.5  # at which that is cut; D.2 step 3
    confidence: Annotated[float, Field(gt=0.5)] = 0.7  # A of the margin (later code: 1.2); D.2 step 3
    rho: Positive = 1e-6  # weight of the squared constraint, and step of its multiplier; D.2 step 3
    lambda_adversarial: Weight = 0.1  # weight of the encoder's loss; D.2 step 4

    @field_validator("bounds")
    @classmethod
    def _apart(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] < value[1]:
            raise ValueError("should be [strong, weak] with strong >= weak")
        return value


class Caf(Regressor):
    """A regressor that is trained against a critic, too.

    Args:
        config: the method's settings.
        backbone: normalised images to features.
        projector: features to (valence, arousal).
        critic: features to embeddings; inference does without it.
    """

    every_parameter = False  # no update reaches all: that of the critic leaves the others alone, say
    multiplier: Tensor

    def __init__(self, config: Config, backbone: Backbone, projector: nn.Module, critic: nn.Module) -> None:
        super().__init__(backbone, projector)
        self.config = config
        self.critic = critic
        self.register_buffer("multiplier", torch.zeros(()))  # Lambda of the critic's constraint

    def updates(self, batch: Batch) -> int:
        """Three, or one where the batch has no strong or no weak samples."""
        strong, _ = self._groups(batch)
        return 3 if len(strong) else 1

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """Losses of an update; the weights that it is not for get no gradient.

        Returns:
            `total`, and for each update in turn: `va` (or `rmse`), `pcc` and `ccc`; `critic`; `encoder`.

        Source: decision D.2.
        """
        if update == REGRESSION:
            return self._regression_losses(batch)
        strong, weak = (group.to(batch.target.device, non_blocking=True) for group in self._groups(batch))
        if update == ENCODER:
            preferred = -self._embed_frozen(self.features(batch)[weak]).mean()
            return with_total({"encoder": preferred}, {"encoder": self.config.lambda_adversarial})
        with torch.no_grad():
            features = self.features(batch)
        loss = self._critic_loss(self._embed(features[strong]), self._embed(features[weak]))
        return with_total({"critic": loss}, {"critic": 1.0})

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """As of every regressor, and `critic`, which learns at the backbone's rate (decision D.3)."""
        return {**super().parameter_groups(), "critic": list(self.critic.parameters())}

    def _regression_losses(self, batch: Batch) -> Losses:
        """L_sup.

        Source: decision D.2, step 1.
        """
        preds = self.project(self.features(batch))
        parts, weights = batch_losses(preds, batch.target), batch_weights(self.config)
        if self.config.error == "rmse":
            del parts["va"]
            parts, weights = {"rmse": rmse(preds, batch.target), **parts}, {**weights, "rmse": weights["va"]}
        return with_total(parts, weights)

    def _critic_loss(self, strong: Float[Tensor, "n c"], weak: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
        """What the critic minimises; in training the multiplier takes its step after it.

        Source: decision D.2, step 3.
        """
        config = self.config
        loss, constraint = critic_loss(
            strong,
            weak,
            self.multiplier.clone(),  # the gradient wants the value of before the step
            variance=config.variance,
            largest_information=config.largest_information,
            confidence=config.confidence,
            rho=config.rho,
        )
        if self.training:
            self.multiplier += config.rho * constraint.detach()
        return loss

    @full_precision
    def _embed(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """Embeddings of features, not rounded to bfloat16: distances between them are compared."""
        embeddings: Tensor = self.critic(features)
        return embeddings

    @full_precision
    def _embed_frozen(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """Embeddings of features, from which no gradient reaches the critic's weights."""
        weights = {name: weight.detach() for name, weight in self.critic.named_parameters()}
        embeddings: Tensor = functional_call(self.critic, weights, (features,))
        return embeddings

    def _groups(self, batch: Batch) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
        """Positions of strong and weak samples, on the CPU: the same ones wherever the batch is."""
        config = self.config
        return strong_and_weak(
            batch.target.cpu(),
            threshold=config.threshold,
            quantile=config.quantile,
            bounds=config.bounds,
            offset=config.offset,
            generator=torch.Generator().manual_seed(batch.seed),
        )


def build(config: Config, backbone: Backbone) -> Caf:
    """Build CAF on a backbone.

    Args:
        config: the method's settings.
        backbone: with `head = "caf"` its neck is dropped, and regressor and critic see what the trunk gives.
    """
    trunk_width, d = feature_widths(backbone.neck)
    if config.head == "caf":
        trunk = Backbone(backbone.trunk, nn.Identity())
        return Caf(config, trunk, _regressor(trunk_width), caf_critic.build(trunk_width))
    # first: with a seed and the library's weights, the regressor starts as that of the other methods does
    projector = Projector(d, bn=config.projector_bn == "shared")
    return Caf(config, backbone, projector, caf_critic.build(d))


def _regressor(width: int) -> nn.Sequential:
    """The regressor of the published code, from what a trunk gives to (valence, arousal).

    Source: decision D.1.
    """
    return nn.Sequential(
        nn.Dropout(0.5),
        nn.Linear(width, 64),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(64, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    )
