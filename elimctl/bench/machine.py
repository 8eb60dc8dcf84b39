"""The device that is measured: what it is called, and when it has done what it was asked."""

import platform
import re
from pathlib import Path

import torch


def name(device: torch.device) -> str:
    """What a device is sold as: the card's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        listed = ""
    found = re.search(r"^model name\s*:\s*(.+)$", listed, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def wait(device: torch.device) -> None:
    """Wait until a device has done all that it was asked; the CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
