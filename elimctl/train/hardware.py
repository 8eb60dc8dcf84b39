"""Device and precision of a run."""

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
        choice: `auto` (CUDA if available, else the CPU), `cpu`, `cuda` or `cuda:N`.
        local: number of this process on its machine; `auto` and `cuda` choose the GPU of that number.

    Raises:
        ConfigError: the name is invalid, or there is no such CUDA device.
    """
    if choice == "auto":
        choice = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", choice):
        raise ConfigError(f"invalid device {choice!r}", hint="set --device to one of auto, cpu, cuda, cuda:N")
    chosen = torch.device(f"cuda:{local}" if choice == "cuda" and local else choice)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {chosen} is not available: {torch.cuda.device_count()} CUDA devices found",
            hint="use --device cpu, or run elimctl doctor",
        )
    return chosen


def autocast_type(precision: str, on: torch.device) -> torch.dtype | None:
    """The type of autocast for a precision of `TrainConfig` on a device; None: no autocast."""
    if precision == "auto":
        precision = "bf16" if fast_bf16(on) else "float32"
    return {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def fast_bf16(on: torch.device) -> bool:
    """Whether a device multiplies bf16 faster than float32: AMX, AVX512-BF16, Ampere and later."""
    if on.type == "cuda":
        return torch.cuda.get_device_capability(on) >= (8, 0)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def require_compiler(on: torch.device) -> None:
    """Raise ConfigError if torch cannot compile for a device."""
    with compiling():
        torch.compile(_probe)(torch.ones(2, device=on))


@contextmanager
def compiling() -> Iterator[None]:
    """Turn errors of torch's compiler into ConfigError."""
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        if not isinstance(error, TorchDynamoException):
            raise
        raise ConfigError(
            f"torch cannot compile: {str(error).splitlines()[0]}",
            hint="install a C++ compiler, or train with --set train.compile=false",
        ) from error


def _probe(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + 1


def environment(config: TrainConfig) -> Values:
    """Hardware and software of a run for run.json, without names of hosts or users, and without paths.

    Returns:
        Python, system, processor, CPU threads, device, precision; on a GPU its name and CUDA version.
    """
    used = device(config.device)
    chosen = autocast_type(config.precision, used)
    facts: Values = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": device_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "device": used.type,
        "precision": "float32" if chosen is None else str(chosen).removeprefix("torch."),
    }
    if used.type == "cuda":
        facts |= {"gpu": device_name(used), "cuda": str(torch.version.cuda)}
    return facts


def device_name(device: torch.device) -> str:
    """Product name of a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        listed = ""
    match = re.search(r"^model name\s*:\s*(.+)$", listed, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()
