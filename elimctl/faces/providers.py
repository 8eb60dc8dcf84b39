"""onnxruntime sessions on a device that was chosen, never on one that happened to be listed first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elimctl.errors import ConfigError
from elimctl.faces.options import Device

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def providers_for(device: Device) -> list[str]:
    """Execution providers for a device, best first.

    Args:
        device: `auto` takes CUDA where onnxruntime offers it.

    Returns:
        Names of providers; the CPU is always the last, for operators that CUDA lacks.

    Raises:
        ConfigError: CUDA was asked for and this onnxruntime has none.
    """
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    if device == "cpu" or (device == "auto" and CUDA not in offered):
        return [CPU]
    if CUDA not in offered:
        raise ConfigError(
            f"device cuda was asked for, but this onnxruntime offers {', '.join(offered)}",
            hint="install onnxruntime-gpu in place of onnxruntime, or use device cpu",
        )
    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21: finds the CUDA libraries that torch installed
        onnxruntime.preload_dlls()
    return [CUDA, CPU]


def session_options(threads: int) -> "SessionOptions":
    """Options of a session.

    Args:
        threads: CPU threads inside one operator; 0 leaves the number to onnxruntime (one per core).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options


def open_session(model: bytes, *, device: Device, threads: int) -> "InferenceSession":
    """A session that runs a model on a device.

    Args:
        model: content of an ONNX file.
        device: where it runs.
        threads: CPU threads inside one operator; 0: one per core.

    Raises:
        ConfigError: CUDA was asked for and cannot be used.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model, sess_options=session_options(threads), providers=providers_for(device)
    )
    check_running(session.get_providers(), device=device)
    return session


def check_running(running: Sequence[str], *, device: Device) -> None:
    """Hold a session to the device that was asked for.

    onnxruntime falls back to the CPU with no more than a line in its log when CUDA's libraries do not load.

    Args:
        running: providers of the session.
        device: what was asked for.

    Raises:
        ConfigError: CUDA was asked for and the session runs without.
    """
    if device == "cuda" and CUDA not in running:
        raise ConfigError(
            f"onnxruntime offers cuda but could not start it, and runs {', '.join(running)}",
            hint="install the CUDA and cuDNN that this onnxruntime-gpu was built for, or use device cpu",
        )
