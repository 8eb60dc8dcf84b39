"""Initial weights where the library's own are not wanted."""

from torch import nn


def normal(module: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers from a normal distribution, biases 0.

    The variance is 2 / fan-in, which keeps the size of the signal through layers that end in a ReLU: a
    network without normalisation layers, such as AlexNet, then learns from the first steps on. torch's own
    initialisation makes such a signal shrink from layer to layer.

    Args:
        module: changed in place; torch's global generator is drawn from.

    Source: Kim & Song 2022, algorithm 1 (weights initialised "Normal"; A.10 row 33); the variance is that of
        He et al. 2015, Eq. 10.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
