"""Which device a run uses, and in which precision."""

import re

import torch

from elimctl.errors import ConfigError


def device(choice: str) -> torch.device:
    """The device of a run.

    Args:
        choice: `auto` (CUDA if there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        ConfigError: CUDA was asked for and is not there, or the name is no device elimctl trains on.
    """
    if choice == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", choice):
        raise ConfigError(f"{choice!r} is no device", hint="choose auto, cpu, cuda or cuda:N")
    chosen = torch.device(choice)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {choice} asked for, {torch.cuda.device_count()} CUDA devices found",
            hint="use --set train.device=cpu, or run elimctl doctor",
        )
    return chosen


def autocast_type(precision: str, on: torch.device) -> torch.dtype | None:
    """The type of autocast, None for none.

    Args:
        precision: `float32`, `bf16`, or `auto`: bf16 where the hardware multiplies it fast.
        on: the device of the run.
    """
    if precision == "auto":
        precision = "bf16" if fast_bf16(on) else "float32"
    return torch.bfloat16 if precision == "bf16" else None


def fast_bf16(on: torch.device) -> bool:
    """Whether a device multiplies bf16 faster than float32: AMX or AVX512-BF16, or Ampere and later."""
    if on.type == "cuda":
        return torch.cuda.get_device_capability(on) >= (8, 0)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
