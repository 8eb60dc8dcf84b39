"""The device that is measured: when it has done what it was asked."""

import torch


def wait(device: torch.device) -> None:
    """Wait until a device has done all that it was asked; the CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
