"""Models of insightface's packs: find, load and run them.

Nothing is downloaded here: the packs are for non-commercial research, so the user decides to fetch one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.errors import ConfigError, MissingError
from elimctl.faces.options import Device
from elimctl.faces.providers import check_running, providers_for, session_options

CACHE = Path("~/.insightface/models")  # insightface reads no variable that would move it
DOWNLOAD = "insightface-cli model.download buffalo_l"


def find(models: Path | None, patterns: Sequence[str], *, what: str) -> Path:
    """Find a model by file names in a folder or below it; None means insightface's cache.

    Returns:
        The largest of several files, because it is the most accurate model.

    Raises:
        MissingError: there is no such file; the hint is the command that downloads it.
    """
    folder = models or CACHE.expanduser()
    files = [file for pattern in patterns for file in folder.rglob(pattern) if file.is_file()]
    if not files:
        state = f"no {' or '.join(patterns)} under {folder}" if folder.is_dir() else f"no folder {folder}"
        root = "" if models is None else f" --root {models}"
        raise MissingError(f"no {what} found: {state}", hint=f"run {DOWNLOAD}{root}")
    return max(files, key=lambda file: (file.stat().st_size, file.name))


def load(file: Path, *, task: str, what: str, device: Device, threads: int = 0) -> Any:
    """Load an ONNX file of a task; insightface derives the task from inputs and outputs.

    `what` names the model in messages. `threads` are CPU threads inside one operator; 0: one per core.

    Raises:
        ConfigError: the file is damaged or has another task, or CUDA was requested and does not work.
    """
    from insightface.model_zoo import get_model  # takes seconds

    providers = providers_for(device)
    hint = f"remove the file and run {DOWNLOAD}"
    try:
        # insightface loads an existing file directly and looks up only names
        model = get_model(
            str(file), providers=providers, sess_options=session_options(threads), download=False
        )
    except Exception as error:  # onnxruntime and protobuf raise many classes of their own
        raise ConfigError(f"{file} cannot be loaded: {type(error).__name__} {error}", hint=hint) from error
    found_task = getattr(model, "taskname", None)
    if found_task != task:
        raise ConfigError(
            f"{file} is not the expected {what}: insightface reports the task {found_task}, expected {task}",
            hint=hint,
        )
    check_running(model.session.get_providers(), device=device)
    return model


def run(model: Any, images: np.ndarray) -> np.ndarray:
    """Run a loaded model on images (B, S, S, 3) uint8 RGB of its input size S, B > 0.

    Calls are as few as the model's input allows. Returns (B, k) float32.
    """
    inputs = (images.transpose(0, 3, 1, 2).astype(np.float32) - model.input_mean) / model.input_std
    fixed = model.session.get_inputs()[0].shape[0]  # a name or None if the batch size is free
    size = fixed if isinstance(fixed, int) else len(inputs)
    surplus = -len(inputs) % size
    inputs = np.concatenate([inputs, np.repeat(inputs[-1:], surplus, axis=0)])
    outputs = [
        model.session.run(model.output_names, {model.input_name: batch})[0]
        for batch in np.split(inputs, len(inputs) // size)
    ]
    return np.concatenate(outputs).astype(np.float32)[: len(images)]
