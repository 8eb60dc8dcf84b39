"""What every regressor of valence and arousal shares: its networks, and the losses of a batch."""

from collections.abc import Mapping
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from elimctl.config import Config
from elimctl.errors import ConfigError
from elimctl.loader.batch import Batch
from elimctl.losses import ccc, mse, pcc
from elimctl.methods.network import Losses as Losses
from elimctl.methods.network import Network

Weight = Annotated[float, Field(ge=0)]


class RegressionConfig(Config):
    """Weights of the losses of a batch."""

    lambda_va: Weight = 1.0  # weight of L_va; 0: the ablation without it (Kim & Song 2022, Fig. 6)
    lambda_correlation: Weight = 0.5  # weight of L_PCC and of L_CCC (Kim & Song 2022, appendix section 3)


class Regressor(Network):
    """Images to valence and arousal."""

    def features(self, batch: Batch) -> Float[Tensor, "B d"]:
        """Features z of a whole training batch, those of other ranks among them."""
        return self.passes(self.encode, batch.images, shares=batch.shares)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the learning rate they take: `backbone` (trunk and neck) and `projector`."""
        return {
            "backbone": list(self.backbone.parameters()),
            "projector": list(self.projector.parameters()),
        }


def batch_losses(preds: Float[Tensor, "B 2"], target: Float[Tensor, "B 2"]) -> Losses:
    """L_va, L_PCC and L_CCC of a batch.

    Returns:
        `va` (the two axes' mean squared errors added up), `pcc` and `ccc`.

    Source: Kim & Song 2022, appendix algorithm 4 and section 3.
    """
    return {"va": 2 * mse(preds, target), "pcc": pcc(preds, target), "ccc": ccc(preds, target)}


def batch_weights(config: RegressionConfig) -> dict[str, float]:
    """Weights of what `batch_losses` returns."""
    return {
        "va": config.lambda_va,
        "pcc": config.lambda_correlation,
        "ccc": config.lambda_correlation,
    }


def with_total(parts: Losses, weights: Mapping[str, float]) -> Losses:
    """The parts, preceded by `total`, their weighted sum."""
    weighted = [weights[name] * loss for name, loss in parts.items()]
    return {"total": sum(weighted[1:], start=weighted[0]), **parts}


def feature_widths(neck: nn.Module) -> tuple[int, int]:
    """Widths of a neck's input and output, read from its first and last linear map.

    Raises:
        ConfigError: it has no linear map.
    """
    linear = [layer for layer in neck.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise ConfigError(
            f"the backbone's neck {type(neck).__name__} has no linear layer, so its width is unknown",
            hint="end the neck in a linear layer of width d",
        )
    return linear[0].in_features, linear[-1].out_features
