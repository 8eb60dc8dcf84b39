"""The device that is measured: what it is called, and when it has done what it was asked."""

import torch

from elimctl.train import environment


def name(device: torch.device) -> str:
    """What a device is sold as: the card's name, or the processor's."""
    return environment.device_name(device)


def wait(device: torch.device) -> None:
    """Wait until a device has done all that it was asked; the CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
