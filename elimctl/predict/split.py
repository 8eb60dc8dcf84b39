"""Predictions for rows of a store, batch by batch."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, UInt8
from torch import Tensor

from elimctl.errors import DataError
from elimctl.loader.view import View
from elimctl.manifest.grouping import at_rows
from elimctl.metrics.predictions import Predictions
from elimctl.store.images import Reader

BATCH = 128  # images predicted at once: bounds the memory of an evaluation; one RMSE is a mean over these


class Sharing(NamedTuple):
    """How ranks share the batches of a prediction.

    Args:
        width: c, of predictions.
        rank: number of this process.
        ranks: number of processes.
        add_up: adds a tensor on the CPU up over all ranks, in place.
        batch_size: images per call.
    """

    width: int
    rank: int
    ranks: int
    add_up: Callable[[Tensor], None]
    batch_size: int = BATCH


def predictions(
    predict: Callable[[UInt8[Tensor, "B 3 S S"]], Float[Tensor, "B c"]],
    reader: Reader,
    indices: Int[np.ndarray, " n"],
    target: Float[np.ndarray, "n k"],
    *,
    view: View,
    batch_size: int,
    device: torch.device | str,
) -> Iterator[Predictions]:
    """Predict rows of a store in order; memory does not depend on their number.

    Args:
        predict: images to predictions, with normalisation inside; a module already in evaluation mode. It is
            called without autocast, so its arithmetic is float32.
        reader: image store.
        indices: row numbers to predict.
        target: their labels, in the same order.
        view: what `predict` sees of a stored image.
        batch_size: images per call, >= 1; the last call may have fewer.
        device: where `predict` wants the images.

    Yields:
        One batch of predictions per call, every one finite.

    Raises:
        ConfigError: the view does not fit the stored images.
        DataError: predictions are not finite; the message says how many and names the first rows.
    """
    for part in _batches(len(indices), batch_size):
        preds = _predict(predict, reader, indices[part], view=view, device=device)
        _check_finite(preds, indices[part])
        yield Predictions(indices[part], preds, target[part])


def shared_predictions(
    predict: Callable[[UInt8[Tensor, "B 3 S S"]], Float[Tensor, "B c"]],
    reader: Reader,
    indices: Int[np.ndarray, " n"],
    target: Float[np.ndarray, "n k"],
    *,
    view: View,
    device: torch.device | str,
    sharing: Sharing,
) -> Iterator[Predictions]:
    """Yield `predictions` on every rank; each rank predicts every n-th batch.

    The batches are those of `predictions`, so the predictions are the same to the last bit. Errors are raised
    on all ranks together.
    """
    parts = _batches(len(indices), sharing.batch_size)
    preds = torch.zeros(len(indices), sharing.width)
    for part in parts[sharing.rank :: sharing.ranks]:
        preds[part] = torch.from_numpy(_predict(predict, reader, indices[part], view=view, device=device))
    sharing.add_up(preds)
    yield from known_predictions(preds.numpy(), indices, target, batch_size=sharing.batch_size)


def known_predictions(
    preds: Float32[np.ndarray, "n c"],
    indices: Int[np.ndarray, " n"],
    target: Float[np.ndarray, "n k"],
    *,
    batch_size: int,
) -> Iterator[Predictions]:
    """Yield finished predictions in batches, as `predictions` does."""
    for part in _batches(len(indices), batch_size):
        _check_finite(preds[part], indices[part])
        yield Predictions(indices[part], preds[part], target[part])


def _batches(count: int, batch_size: int) -> list[slice]:
    return [slice(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]


def _predict(
    predict: Callable[[Tensor], Tensor],
    reader: Reader,
    indices: Int[np.ndarray, " B"],
    *,
    view: View,
    device: torch.device | str,
) -> Float32[np.ndarray, "B c"]:
    images = np.ascontiguousarray(view.apply(reader.read(indices)))
    return _run(predict, images, torch.device(device))


def _run(
    predict: Callable[[Tensor], Tensor], images: UInt8[np.ndarray, "B S S 3"], device: torch.device
) -> Float32[np.ndarray, "B c"]:
    # the context is opened per batch: around a yield it would leak into the consumer's code
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        preds = predict(torch.from_numpy(images).to(device).permute(0, 3, 1, 2))
    return preds.float().cpu().numpy()


def _check_finite(preds: Float32[np.ndarray, "B c"], indices: Int[np.ndarray, " B"]) -> None:
    bad = indices[~np.isfinite(preds).all(axis=1)]
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(preds)} predictions of a batch are not finite, {at_rows(bad)}",
            hint="choose an earlier checkpoint, or train again with a lower learning rate",
        )
