"""What every classifier of expressions shares: the layers behind its features, and its need of classes."""

from typing import Annotated

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.split import Split
from elimctl.config import Config
from elimctl.errors import DataError
from elimctl.loader.batch import Batch
from elimctl.methods.network import Network
from elimctl.methods.regression import feature_widths


class ClassificationConfig(Config):
    """Settings of the network; E is a section of docs/methods.md."""

    classes: Annotated[int, Field(ge=2)] | None = None  # C; None: as many as the dataset has
    bn_neck: bool = True  # normalisation before the classifiers; RM has none with ResNet50-IBN; E.1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # probability, between pooling and that; E.1


class Head(nn.Module):
    """Features to logits: normalised, scaled, and classified without a bias.

    Args:
        width: of the features.
        classes: C.
        bn: whether they are normalised.

    Source: She et al. 2021, public code; E.1.
    """

    def __init__(self, width: int, classes: int, *, bn: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width) if bn else None
        if self.norm is not None:
            self.norm.bias.requires_grad_(False)  # stays 0
        self.classifier = nn.Linear(width, classes, bias=False)

    def forward(self, features: Float[Tensor, "B d"]) -> Float[Tensor, "B C"]:
        """Logits of features."""
        normalised = features if self.norm is None else self.norm(features)
        logits: Tensor = self.classifier(normalised)
        return logits


class Classifier(Network):
    """Images to logits of C classes.

    Args:
        config: settings of the network.
        backbone: normalised images to features.
        classes: C.
    """

    projector: Head

    def __init__(self, config: ClassificationConfig, backbone: Backbone, *, classes: int) -> None:
        super().__init__(backbone, Head(feature_width(backbone.neck), classes, bn=config.bn_neck))
        self.dropout = nn.Dropout(config.dropout)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters that learn: `backbone` (trunk and neck) and `projector`."""
        return {"backbone": learning([self.backbone]), "projector": learning([self.projector])}

    def inference_parameters(self) -> list[nn.Parameter]:
        """Parameters that `predict` uses."""
        return [*self.backbone.parameters(), *self.projector.parameters()]


def feature_width(neck: nn.Module) -> int:
    """Width of what a neck gives.

    Raises:
        ConfigError: it is no part of a network, and has no linear map to read it from.
    """
    return neck.width if isinstance(neck, Split) else feature_widths(neck)[1]


def learning(modules: list[nn.Module]) -> list[nn.Parameter]:
    """Parameters of modules that are not frozen."""
    return [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]


def require_classes(batch: Batch, method: str) -> Int64[Tensor, " B"]:
    """Class codes of a batch.

    Raises:
        DataError: its samples have no classes.
    """
    if batch.classes is None:
        raise DataError(
            f"{method} learns classes of expression, but the samples have no classes",
            hint="train on a dataset with classes, such as raf-db or affectnet",
        )
    return batch.classes
