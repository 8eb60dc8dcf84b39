"""Whether an exported model still says what the model it came from says."""

from collections.abc import Callable, Iterable
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from elimctl.errors import DataError, ExportError

Predict = Callable[[UInt8[np.ndarray, "B 3 S S"]], Float32[np.ndarray, "B c"]]

# Largest difference of a prediction, in units of the label (range -1 to 1). Float32 sums taken in another
# order differ by 5e-6 to 2e-5 of the predictions' spread between images, measured on all backbones.
PREDS_TOLERANCE = 1e-4
METRIC_TOLERANCE = 1e-4  # largest difference of a metric over a whole split


def reference(model: nn.Module) -> nn.Module:
    """A copy of a model to export, or to hold an export against: on the CPU, float32, evaluation mode."""
    return deepcopy(model).to(device="cpu", dtype=torch.float32).eval()


def difference(predict: Predict, model: nn.Module, batches: Iterable[UInt8[np.ndarray, "_ 3 S S"]]) -> float:
    """Largest difference between an exported model's predictions and the model's own.

    The model runs on the CPU in float32, wherever it lies: convolutions on a GPU round their inputs to
    fewer bits by default and differ by more than an export does.

    Args:
        predict: the exported model, as an exporter's `load` gives it.
        model: the model it was exported from: images to predictions, normalisation inside.
        batches: images, RGB 0..255; one batch at a time is held.

    Returns:
        max |exported - eager| over all predictions, in units of the label; NaN if any of them is.

    Raises:
        DataError: there is no image to compare on.
    """
    eager = reference(model)
    found = [
        float(np.max(np.abs(predict(images) - _run(eager, images)))) for images in batches if len(images)
    ]
    if not found:
        raise DataError("no images to check the exported model on", hint="choose a split that is not empty")
    return float(np.max(found))


def check(found: float, *, tolerance: float, what: str) -> None:
    """Refuse an exported model that differs too much.

    Args:
        found: the difference, >= 0, or NaN.
        tolerance: the largest one allowed.
        what: what differs, for the message ("predictions", "mean CCC on val").

    Raises:
        ExportError: the difference is above the tolerance, or no number.
    """
    if not found <= tolerance:
        raise ExportError(
            f"{what} of the exported model and of the original differ by {found:.2g}, "
            f"wanted {tolerance:g} at most",
            hint="do not use this export; report the backbone and the versions that `elimctl doctor` prints",
        )


def _run(model: nn.Module, images: UInt8[np.ndarray, "B 3 S S"]) -> Float32[np.ndarray, "B c"]:
    with torch.inference_mode():
        return model(torch.from_numpy(np.ascontiguousarray(images))).numpy()
