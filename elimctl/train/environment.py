"""What a run trains on: Python, system, device, precision. Nothing that tells whose machine it is."""

import platform
import re
from pathlib import Path

import torch

from elimctl.config import Values
from elimctl.train import hardware
from elimctl.train.config import TrainConfig


def environment(config: TrainConfig) -> Values:
    """Where a run trains, as run.json records it: no host name, no name of a user, no path.

    Args:
        config: the run's settings; device and precision that they leave to the hardware are those chosen.

    Returns:
        Python, system, processor, threads of the CPU, device, precision; on a GPU its name, and CUDA.

    Raises:
        ConfigError: the device is not there.
    """
    device = hardware.device(config.device)
    chosen = hardware.autocast_type(config.precision, device)
    found: Values = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": device_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "device": device.type,
        "precision": "float32" if chosen is None else str(chosen).removeprefix("torch."),
    }
    if device.type == "cuda":
        found |= {"gpu": device_name(device), "cuda": str(torch.version.cuda)}
    return found


def device_name(device: torch.device) -> str:
    """What a device is sold as: the card's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        listed = ""
    found = re.search(r"^model name\s*:\s*(.+)$", listed, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()
