"""The shape that all backbones share: trunk, then neck."""

from jaxtyping import Float
from torch import Tensor, nn


class Backbone(nn.Module):
    """Images to features.

    Args:
        trunk: images (B,3,H,W), ImageNet-normalised, to vectors (B,n), or to maps (B,n,h,w) for a `Split`.
        neck: those to features (B,d).

    Source: Kim & Song 2022, section 3.1 (f_phi is trunk and neck together).
    """

    def __init__(self, trunk: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.neck = neck

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B d"]:
        """Features z of normalised images."""
        features: Tensor = self.neck(self.trunk(images))
        return features
