"""Compare an exported model with the original PyTorch model."""

from collections.abc import Callable, Iterable
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from elimctl.errors import DataError, ExportError

Predict = Callable[[UInt8[np.ndarray, "B 3 S S"]], Float32[np.ndarray, "B c"]]

# Largest allowed difference of a prediction, in units of the label (range -1 to 1). Float32 sums in another
# order differ by 5e-6 to 2e-5 of the spread of predictions between images, measured on all backbones.
PREDS_TOLERANCE = 1e-4
METRIC_TOLERANCE = 1e-4  # largest allowed difference of a metric over a split


def reference(model: nn.Module) -> nn.Module:
    """Copy a model for an export or a comparison: on the CPU, float32, evaluation mode."""
    return deepcopy(model).to(device="cpu", dtype=torch.float32).eval()


def difference(predict: Predict, model: nn.Module, batches: Iterable[UInt8[np.ndarray, "_ 3 S S"]]) -> float:
    """Compute the largest difference between predictions of an exported model and the original.

    The original runs on the CPU in float32, because convolutions on a GPU round their inputs. Images are RGB
    0..255.

    Returns:
        max |exported - eager| over all predictions, in units of the label; NaN if a prediction is NaN.

    Raises:
        DataError: there are no images.
    """
    eager = reference(model)
    differences = [
        float(np.max(np.abs(predict(images) - _run(eager, images)))) for images in batches if len(images)
    ]
    if not differences:
        raise DataError("no images to check the exported model on", hint="choose a split that is not empty")
    return float(np.max(differences))


def check(difference: float, *, tolerance: float, what: str) -> None:
    """Check that the difference of an exported model is within the tolerance; `what` names the values.

    Raises:
        ExportError: the difference is above the tolerance, or NaN.
    """
    if not difference <= tolerance:
        raise ExportError(
            f"{what} of the exported model and of the original differ by {difference:.2g}, "
            f"wanted at most {tolerance:g}",
            hint="do not use this export; report the backbone and the output of elimctl doctor",
        )


def _run(model: nn.Module, images: UInt8[np.ndarray, "B 3 S S"]) -> Float32[np.ndarray, "B c"]:
    with torch.inference_mode():
        return model(torch.from_numpy(np.ascontiguousarray(images))).numpy()
