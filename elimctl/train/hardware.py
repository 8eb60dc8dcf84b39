"""Which device a run uses, and in which precision."""

import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from elimctl.config import Values
from elimctl.errors import ConfigError
from elimctl.train.config import TrainConfig


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


def environment(config: TrainConfig) -> Values:
    """Where a run trains, as run.json records it: no host name, no name of a user, no path.

    Args:
        config: the run's settings; device and precision that they leave to the hardware are those chosen.

    Returns:
        Python, system, processor, threads of the CPU, device, precision; on a GPU its name, and CUDA.

    Raises:
        ConfigError: the device is not there.
    """
    used = device(config.device)
    chosen = autocast_type(config.precision, used)
    found: Values = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": device_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "device": used.type,
        "precision": "float32" if chosen is None else str(chosen).removeprefix("torch."),
    }
    if used.type == "cuda":
        found |= {"gpu": device_name(used), "cuda": str(torch.version.cuda)}
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
