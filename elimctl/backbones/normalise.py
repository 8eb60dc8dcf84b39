"""From pixels to what ImageNet networks expect."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)  # of ImageNet's RGB, in units of 255
STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """Pixels 0..255 to ImageNet-normalised float32, as one multiplication and one addition.

    The two constants are buffers, so that they follow the model to its device, and are not saved with it.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean = torch.tensor(MEAN, dtype=torch.float64).view(3, 1, 1)
        std = torch.tensor(STD, dtype=torch.float64).view(3, 1, 1)
        self.register_buffer("scale", (1 / (255 * std)).float(), persistent=False)
        self.register_buffer("offset", (-mean / std).float(), persistent=False)

    def forward(
        self, images: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"]
    ) -> Float[Tensor, "B 3 H W"]:
        """Normalise RGB images 0..255; the memory format (channels_last) is kept."""
        return torch.addcmul(self.offset, images.float(), self.scale)
