"""Which device a run uses, and in which precision."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from elimctl.errors import ConfigError


def device(choice: str, *, local: int = 0) -> torch.device:
    """The device of a run.

    Args:
        choice: `auto` (CUDA if there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.
        local: number of this process on its machine; `auto` and `cuda` stand for the GPU of that number.

    Raises:
        ConfigError: CUDA was asked for and is not there, or the name is no device elimctl trains on.
    """
    if choice == "auto":
        choice = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", choice):
        raise ConfigError(f"{choice!r} is no device", hint="choose auto, cpu, cuda or cuda:N")
    chosen = torch.device(f"cuda:{local}" if choice == "cuda" and local else choice)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {chosen} asked for, {torch.cuda.device_count()} CUDA devices found",
            hint="use --device cpu, or run elimctl doctor",
        )
    return chosen


def autocast_type(precision: str, on: torch.device) -> torch.dtype | None:
    """The type of autocast, None for none.

    Args:
        precision: `float32`, `bf16`, `fp16`, or `auto`: bf16 where the hardware multiplies it fast.
        on: the device of the run.
    """
    if precision == "auto":
        precision = "bf16" if fast_bf16(on) else "float32"
    return {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def fast_bf16(on: torch.device) -> bool:
    """Whether a device multiplies bf16 faster than float32: AMX or AVX512-BF16, or Ampere and later."""
    if on.type == "cuda":
        return torch.cuda.get_device_capability(on) >= (8, 0)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def require_compiler(on: torch.device) -> None:
    """Refuse to compile where torch cannot.

    Raises:
        ConfigError: it has no compiler for the device.
    """
    with compiling():
        torch.compile(_probe)(torch.ones(2, device=on))


@contextmanager
def compiling() -> Iterator[None]:
    """Tell what torch's compiler says as an error of the settings.

    Raises:
        ConfigError: it cannot compile what is called.
    """
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException  # seconds to import, for who compiles nothing

        if not isinstance(error, TorchDynamoException):
            raise
        raise ConfigError(
            f"torch cannot compile: {str(error).splitlines()[0]}",
            hint="install a C++ compiler, or train without train.compile",
        ) from error


def _probe(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + 1
