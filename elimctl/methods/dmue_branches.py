"""What DMUE drops after training: a branch for each class, and the module that scores uncertainty."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from elimctl.methods.classification import Head
from elimctl.transport.precision import full_precision


class Branch(nn.Module):
    """An auxiliary branch: its own copy of the network's last part, and a classifier of other classes.

    Its features are scaled as the target branch's are, by the same weights, but have statistics of their own:
    in training these are the batch's anyway; inference needs the target branch's, unmixed with others'.

    Args:
        neck: what the trunk gives to features.
        width: of these.
        classes: that it tells apart.
        bn: whether the features are normalised.
    """

    def __init__(self, neck: nn.Module, width: int, classes: int, *, bn: bool) -> None:
        super().__init__()
        self.neck = neck
        self.norm = nn.BatchNorm1d(width, affine=False) if bn else None
        self.classifier = nn.Linear(width, classes, bias=False)

    def logits(self, features: Float[Tensor, "B d"], head: Head) -> Float[Tensor, "B K"]:
        """Logits of the branch's own features; the scale is the head's."""
        return self._logits(features, None if head.norm is None else head.norm.weight)

    @full_precision
    def _logits(self, features: Float[Tensor, "B d"], scale: Float[Tensor, " d"] | None) -> Tensor:
        if self.norm is not None and scale is not None:
            features = self.norm(features) * scale
        logits: Tensor = self.classifier(features)
        return logits


class Uncertainty(nn.Module):
    """How certain samples are, from their similarities to all classes and their label.

    Args:
        classes: C.

    Source: She et al. 2021, supplement section 4 and public code; E.3.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * classes, classes), nn.PReLU(), nn.Linear(classes, 1))

    @full_precision
    def forward(self, similar: Float[Tensor, "B V"]) -> Float[Tensor, " B"]:
        """Scores alpha in (0, 1)."""
        score: Tensor = self.layers(similar)
        return torch.sigmoid(score).squeeze(1)
