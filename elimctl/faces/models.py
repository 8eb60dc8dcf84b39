"""Models of insightface's packs: found in a folder, loaded from a file, run on batches.

Nothing is downloaded here: the packs are for non-commercial research, so who fetches one decides to.
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
    """A model's file in a folder or the folders below it.

    Args:
        models: the folder; None stands for insightface's cache.
        patterns: names that such models have in the packs.
        what: what is sought, with its article, for messages.

    Returns:
        The only one, or the largest of several, which is the most accurate.

    Raises:
        MissingError: there is none; the hint is the command that downloads one.
    """
    folder = models or CACHE.expanduser()
    found = [file for pattern in patterns for file in folder.rglob(pattern) if file.is_file()]
    if not found:
        state = f"no {' or '.join(patterns)} under {folder}" if folder.is_dir() else f"no folder {folder}"
        root = "" if models is None else f" --root {models}"
        raise MissingError(f"{state}, wanted {what}", hint=f"run {DOWNLOAD}{root}")
    return max(found, key=lambda file: (file.stat().st_size, file.name))


def load(file: Path, *, task: str, what: str, device: Device, threads: int = 0) -> Any:
    """Load a model through insightface, which tells its task from its inputs and outputs.

    Args:
        file: an ONNX file.
        task: the task that insightface must give it.
        what: what such a model is called in messages.
        device: where it runs.
        threads: CPU threads inside one operator; 0: one per core.

    Raises:
        ConfigError: the file is damaged or of another task, or CUDA was asked for and cannot be used.
    """
    from insightface.model_zoo import get_model  # takes seconds

    providers = providers_for(device)
    hint = f"remove the file and run {DOWNLOAD}"
    try:
        # a file that exists is loaded as it is; only names are ever looked up or downloaded
        model = get_model(
            str(file), providers=providers, sess_options=session_options(threads), download=False
        )
    except Exception as error:  # onnxruntime and protobuf raise many classes of their own
        raise ConfigError(f"{file} cannot be loaded: {type(error).__name__} {error}", hint=hint) from error
    found = getattr(model, "taskname", None)
    if found != task:
        raise ConfigError(f"{file} is no {what}, insightface gives its task as {found}", hint=hint)
    check_running(model.session.get_providers(), device=device)
    return model


def run(model: Any, images: np.ndarray) -> np.ndarray:
    """What a recognition or attribute model answers, in as few calls as its input allows.

    Args:
        model: what `load` gave.
        images: (B, S, S, 3) uint8 RGB, S the model's input size, B > 0.

    Returns:
        (B, k) float32.
    """
    inputs = (images.transpose(0, 3, 1, 2).astype(np.float32) - model.input_mean) / model.input_std
    fixed = model.session.get_inputs()[0].shape[0]  # a name, or None, where the batch is free
    size = fixed if isinstance(fixed, int) else len(inputs)
    surplus = -len(inputs) % size
    inputs = np.concatenate([inputs, np.repeat(inputs[-1:], surplus, axis=0)])
    answers = [
        model.session.run(model.output_names, {model.input_name: batch})[0]
        for batch in np.split(inputs, len(inputs) // size)
    ]
    return np.concatenate(answers).astype(np.float32)[: len(images)]
