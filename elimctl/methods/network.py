"""What every method's module is: a network for images, and how it is asked in training."""

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.normalise import Normalise
from elimctl.loader.batch import Batch
from elimctl.methods.passes import Passes
from elimctl.transport.precision import full_precision

Losses = dict[str, Float[Tensor, ""]]


class Network(nn.Module):
    """Images to predictions: valence and arousal (c = 2), or logits of c classes.

    Subclasses say how it learns, in `losses`.

    Args:
        backbone: normalised images to features.
        projector: features to predictions.
    """

    every_parameter = True  # whether each update reaches every parameter; several ranks want to know

    def __init__(self, backbone: Backbone, projector: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.backbone = backbone
        self.projector = projector
        self.passes = Passes()  # how images go through the backbone in training; the trainer's to set

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """Losses of one update: each part unweighted, and `total`, the weighted sum to minimise.

        Args:
            batch: with the images of this rank, and everything else of the whole batch.
            update: number of the update in its iteration, from 0; an optimiser step follows each.
        """
        raise NotImplementedError

    def updates(self, batch: Batch) -> int:
        """Number of updates in the iteration that a batch is for."""
        return 1

    def predict(self, images: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B c"]:
        """Predictions of images, not clamped.

        Args:
            images: RGB 0..255.
        """
        return self.project(self.encode(images))

    forward = predict

    def encode(self, images: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B d"]:
        """Features z of images 0..255."""
        features: Tensor = self.backbone(self.normalise(images))
        return features

    @full_precision
    def project(self, features: Float[Tensor, "B d"]) -> Float[Tensor, "B c"]:
        """Predictions of features, not rounded to bfloat16: the projector is small, its output the result."""
        preds: Tensor = self.projector(features)
        return preds
