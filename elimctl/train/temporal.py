"""Train a temporal head on cached features; save and load it."""

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from pydantic import Field, ValidationInfo, field_validator
from safetensors.torch import save as serialise
from torch import Tensor

from elimctl import atomic
from elimctl.config import Values, validate
from elimctl.errors import StoreError, TrainingError
from elimctl.loader.groups import PADDING
from elimctl.loader.windows import Rows, cut, padded
from elimctl.methods.regression import RegressionConfig, batch_losses, batch_weights, with_total
from elimctl.methods.temporal_head import Count, TemporalConfig, TemporalHead
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, accumulate, score
from elimctl.train.checkpoint import HEADER, opened
from elimctl.train.step import step_seed

FORMAT_VERSION = 1
FRAMES = 8192  # frames predicted at once, with padding (one longer run is possible); bounds the memory
EPOCHS, UPDATES = 30, 1000  # least length of training, unless `epochs` is set
PAIR = 2  # least number of frames in a window


class TemporalSettings(TemporalConfig, RegressionConfig):
    """A temporal head and its training; losses: Kim & Song 2022, appendix section 3."""

    window: Annotated[int, Field(ge=PAIR)] = 32  # frames in a training window
    stride: Count | None = None  # frames between starts of windows; None: half a window
    max_step: Count | None = None  # largest gap of frame numbers in a run; None: the usual interval
    epochs: Count | None = None  # passes over the windows; None: at least 30, and 1,000 updates
    batch_size: Annotated[int, Field(ge=2)] = 16  # windows in a batch, at least
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3  # Adam
    # epochs without improvement before training stops; None: a quarter of all
    patience: Count | None = None
    seed: Annotated[int, Field(ge=0)] = 0

    @field_validator("stride")
    @classmethod
    def _within_window(cls, value: int | None, others: ValidationInfo) -> int | None:
        window = others.data.get("window")
        if value is not None and window is not None and value > window:
            raise ValueError(f"larger than the window of {window}: frames would be left out")
        return value


def resolve(settings: TemporalSettings, *, windows: int) -> TemporalSettings:
    """Fill in `epochs` and `patience` from the number of training windows."""
    epochs = settings.epochs or max(EPOCHS, -(-UPDATES // _count_batches(windows, settings)))
    patience = settings.patience or -(-epochs // 4)
    return settings.model_copy(update={"epochs": epochs, "patience": patience})


def _count_batches(windows: int, settings: TemporalSettings) -> int:
    # rounded down: a last batch with one window would have a CCC over few frames
    return max(1, windows // settings.batch_size)


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a split."""

    features: Float32[Tensor, "n d"]  # of each frame, finite
    target: Float32[Tensor, "n 2"]  # (valence, arousal) of each frame
    runs: Rows  # positions of consecutive frames; every frame is in one run


@dataclass(frozen=True, slots=True)
class Report:
    """Report of an epoch."""

    epoch: int  # its number, from 1
    loss: float  # mean total loss of the batches
    ccc: float  # mean CCC on the validation split


def build(d: int, settings: TemporalSettings, *, network: type[TemporalHead] = TemporalHead) -> TemporalHead:
    """A new head for features of width `d`; the seed determines its weights."""
    torch.manual_seed(settings.seed)
    return network(d, settings)


def windows(runs: Rows, settings: TemporalSettings) -> list[Int64[np.ndarray, " _"]]:
    """The training windows."""
    return cut(runs, window=settings.window, stride=settings.stride or -(-settings.window // 2))


def fit(head: TemporalHead, train: Frames, val: Frames, settings: TemporalSettings) -> Iterator[Report]:
    """Train a head in place; it gets the weights of the epoch with the highest mean CCC on `val`.

    Yields:
        One report per epoch.

    Raises:
        TrainingError: a loss or a prediction is not finite.
    """
    head.standardise(train.features)
    rows = windows(train.runs, settings)
    optimizer = torch.optim.Adam(head.parameters(), lr=settings.lr)
    best, best_epoch, weights = -np.inf, 0, head.state_dict()
    for epoch in range(1, (settings.epochs or EPOCHS) + 1):
        loss = _learn(head.train(), train, rows, optimizer, settings, epoch)
        ccc = _validate(head, val, epoch)
        if ccc > best:
            best, best_epoch, weights = ccc, epoch, copy.deepcopy(head.state_dict())
        yield Report(epoch, loss, ccc)
        if settings.patience and epoch - best_epoch >= settings.patience:
            break
    head.load_state_dict(weights)


def predict(head: TemporalHead, frames: Frames) -> Float32[np.ndarray, "n 2"]:
    """Predictions of all frames, each from all frames of its run that the head uses; labels are ignored."""
    predicted = np.zeros((len(frames.features), 2), np.float32)
    head.eval()
    with torch.inference_mode():
        for rows in _alike(frames.runs):
            positions, mask = _positions(rows)
            preds = _run(head, frames.features, positions, mask)
            predicted[positions[mask].numpy()] = preds.cpu().numpy()
    return predicted


def save(path: Path, head: TemporalHead, *, facts: Values) -> None:
    """Write a head atomically as safetensors, with `facts` (`settings`, training data) in the header."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in head.state_dict().items()}
    record = {"format_version": FORMAT_VERSION, **facts}
    atomic.write_bytes(path, serialise(tensors, metadata={HEADER: json.dumps(record)}))


def load(path: Path) -> tuple[TemporalHead, Values]:
    """A head in evaluation mode, and the facts in its header.

    Raises:
        MissingError: the file does not exist.
        StoreError: the file is damaged, of a newer version, or not a temporal head.
    """
    hint = "train it with elimctl temporal"
    with opened(path, "temporal head", key="settings", version=FORMAT_VERSION, hint=hint) as (file, record):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    settings = validate(TemporalSettings, record["settings"], where=f"{path}: settings")
    try:
        head = TemporalHead(len(tensors["centre"]), settings)
        head.load_state_dict(tensors)
    except (KeyError, RuntimeError):
        raise StoreError(f"the weights in {path} do not fit its settings", hint=hint) from None
    return head.eval(), record


def _learn(
    head: TemporalHead,
    frames: Frames,
    rows: Rows,
    optimizer: torch.optim.Optimizer,
    settings: TemporalSettings,
    epoch: int,
) -> float:
    """Train for one epoch, a function of weights, seed and epoch; returns the mean loss."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(rows))
    torch.manual_seed(step_seed(settings.seed, epoch))  # of dropout
    weights, total = batch_weights(settings), 0.0
    batches = np.array_split(order, _count_batches(len(rows), settings))
    for batch in batches:
        positions, mask = _positions([rows[number] for number in batch])
        preds = _run(head, frames.features, positions, mask)
        target = frames.target[positions[mask]].to(preds.device)
        losses = with_total(batch_losses(preds, target), weights)
        broken = [name for name, loss in losses.items() if not isfinite(loss.item())]
        if broken:
            raise _diverged(f"loss {', '.join(broken)} is not finite", epoch)
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += losses["total"].item()
    return total / len(batches)


def _validate(head: TemporalHead, frames: Frames, epoch: int) -> float:
    """Mean CCC."""
    preds = predict(head, frames)
    if not np.isfinite(preds).all():
        raise _diverged("predictions are not finite", epoch)
    everything = Predictions(np.arange(len(preds)), preds, frames.target.numpy())
    return score(accumulate([everything]), MetricOptions(), split="val").best


def _diverged(problem: str, epoch: int) -> TrainingError:
    return TrainingError(f"{problem} in epoch {epoch} of the temporal head", hint="lower temporal.lr")


def _alike(runs: Rows) -> Iterator[Sequence[Int64[np.ndarray, " _"]]]:
    """Batches of runs of similar length, each at most `FRAMES` frames with padding, or one run."""
    batch: list[Int64[np.ndarray, " _"]] = []
    for run in sorted(runs, key=len):
        if batch and (len(batch) + 1) * len(run) > FRAMES:
            yield batch
            batch = []
        batch.append(run)
    if batch:
        yield batch


def _positions(rows: Rows) -> tuple[Int64[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """Positions of rows, and a mask without padding."""
    positions = torch.from_numpy(padded(rows))
    return positions.clamp(min=0), positions != PADDING


def _run(
    head: TemporalHead,
    features: Float32[Tensor, "n d"],
    positions: Int64[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
) -> Float[Tensor, "real 2"]:
    """Predictions of the frames without padding, in the order of the rows."""
    on = head.centre.device
    mask = mask.to(on)
    return head(features[positions].to(on), mask)[mask]
