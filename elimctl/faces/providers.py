"""onnxruntime sessions on the requested device."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elimctl.errors import ConfigError
from elimctl.faces.options import Device

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def providers_for(device: Device) -> list[str]:
    """Name the execution providers for a device, best first; `auto` takes CUDA if onnxruntime offers it.

    The CPU is always last, for operators that CUDA lacks.

    Raises:
        ConfigError: CUDA was requested and this onnxruntime does not offer it.
    """
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    if device == "cpu" or (device == "auto" and CUDA not in offered):
        return [CPU]
    if CUDA not in offered:
        raise ConfigError(
            f"device cuda was requested, but this onnxruntime offers {', '.join(offered)}",
            hint="install onnxruntime-gpu in place of onnxruntime, or use device cpu",
        )
    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21: finds the CUDA libraries that torch installed
        onnxruntime.preload_dlls()
    return [CUDA, CPU]


def session_options(threads: int) -> "SessionOptions":
    """Make session options with a number of CPU threads inside one operator; 0: one per core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options


def open_session(model: bytes, *, device: Device, threads: int) -> "InferenceSession":
    """Open a session for the content of an ONNX file; `threads` as in `session_options`.

    Raises:
        ConfigError: CUDA was requested and does not work.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model, sess_options=session_options(threads), providers=providers_for(device)
    )
    check_running(session.get_providers(), device=device)
    return session


def check_running(running: Sequence[str], *, device: Device) -> None:
    """Check that a session with the providers `running` uses the requested device.

    onnxruntime falls back to the CPU and only logs a line when CUDA's libraries do not load.

    Raises:
        ConfigError: CUDA was requested and the session does not use it.
    """
    if device == "cuda" and CUDA not in running:
        raise ConfigError(
            f"onnxruntime offers cuda but could not start it; it uses {', '.join(running)}",
            hint="install the CUDA and cuDNN versions that this onnxruntime-gpu needs, or use device cpu",
        )
