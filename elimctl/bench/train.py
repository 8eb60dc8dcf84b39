"""How fast training steps are: what their data cost, and what the matching costs.

The steps are those of training, of `elim` and of `erm` with the same network. A store of drawn faces feeds
those of `elim`; then both take one batch again and again that is on the device already. The variants take
turns, and the fastest round of each counts, so that other work on the machine weighs on all. The matching is
also done alone: from the drawing of the samples to their shift-free features, and the gradient back.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from math import inf
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from elimctl.bench import drawn, machine
from elimctl.commands.train import start
from elimctl.config import Values
from elimctl.loader.batch import Batch
from elimctl.manifest import columns, parquet
from elimctl.manifest.parquet import FORMAT
from elimctl.methods.elim import Elim
from elimctl.store.images import encode_unit, write_images
from elimctl.train import hardware
from elimctl.train.config import RunConfig
from elimctl.train.hardware import device_name
from elimctl.train.session import Session
from elimctl.train.step import take_step
from elimctl.workspace import Workspace

BATCH = {"cuda": 256, "cpu": 32}  # images, where none is given
STEPS = {"cuda": 50, "cpu": 3}  # of a round, likewise
UNCOUNTED = {"cuda": 10, "cpu": 3}  # first steps of a round, whose batches were made before the clock starts
ROUNDS = {"cuda": 4, "cpu": 6}
BATCHES = 8  # that the store holds; of 256 images of 256 px they are 400 MB
SHARD_IMAGES = 256
MARGIN = 8 / 7  # side of the stored images to that of the crops: 256 px to 224 px
MATCHES = 20  # of a round
FAR = 1 << 30  # steps; a stream that goes on has the same work to do for each batch


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured.

    Args:
        device: name of the card or the processor.
        store: images a second of `elim`, its batches made from the store.
        repeated: the same with one batch that is on the device.
        elim: steps a second of `elim` with that batch.
        erm: steps a second of `erm` with that batch.
        matching: matchings a second.
        settings: what was trained, how.
    """

    device: str
    store: float
    repeated: float
    elim: float
    erm: float
    matching: float
    settings: Values

    @property
    def ratios(self) -> dict[str, float]:
        """What the data leave of the speed, and what the matching leaves of it."""
        return {"store_to_repeated": self.store / self.repeated, "elim_to_erm": self.elim / self.erm}

    @property
    def matching_share(self) -> float:
        """The matching's share of a step of `elim`, each by itself."""
        return self.elim / self.matching


def measure(scratch: Path, config: RunConfig, *, steps: int | None = None) -> Iterator[str | Rates]:
    """Measure training steps.

    Args:
        scratch: an empty folder for the images and the runs.
        config: what to train, and how; its method is replaced.
        steps: of a round; None: what fits the device.

    Yields:
        What is being done, and last what was measured.

    Raises:
        ConfigError: the settings contradict each other, or the device is not there.
    """
    device = hardware.device(config.train.device)
    steps = steps or STEPS[device.type]
    count = config.train.batch_size or BATCH[device.type]
    train = config.train.model_copy(update={"batch_size": count})
    config = config.model_copy(update={"train": train})
    yield f"drawing {BATCHES * count:,} images"
    place = Workspace(scratch)
    _prepare(place.new_dataset("drawn"), config, count=BATCHES * count)
    elim, erm = (start(place, _with_method(config, name), name=name) for name in ("elim", "erm"))
    batch = elim.place(elim.batches.batch(0))
    calls: dict[str, Callable[[], float]] = {
        "store": lambda: _seconds_a_step(elim, elim.batches.stream(1, FAR), steps),
        "elim": lambda: _seconds_a_step(elim, repeat(batch), steps),
        "erm": lambda: _seconds_a_step(erm, repeat(batch), steps),
        "matching": partial(_seconds_a_matching, elim, batch),
    }
    yield "first steps"
    for session in (elim, erm):
        take_step(session, batch)  # what is compiled is compiled now
    fastest = dict.fromkeys(calls, inf)
    rounds = ROUNDS[device.type]
    for number in range(rounds):
        yield f"round {number + 1} of {rounds}"
        for name, call in calls.items():
            fastest[name] = min(fastest[name], call())
    images = len(batch.target)
    yield Rates(
        device=device_name(device),
        store=images / fastest["store"],
        repeated=images / fastest["elim"],
        elim=1 / fastest["elim"],
        erm=1 / fastest["erm"],
        matching=1 / fastest["matching"],
        settings=_settings(config, elim) | {"steps": steps, "rounds": rounds},
    )


def _with_method(config: RunConfig, name: str) -> RunConfig:
    return config.model_copy(update={"method": {"name": name}})


def _seconds_a_step(session: Session, batches: Iterator[Batch], steps: int) -> float:
    """Seconds of a step, the making of its batch included, after some that do not count."""
    for batch in islice(batches, UNCOUNTED[session.device.type]):
        take_step(session, batch)
    machine.wait(session.device)
    started = time.perf_counter()
    for batch in islice(batches, steps):
        take_step(session, batch)
    machine.wait(session.device)
    return (time.perf_counter() - started) / steps


def _seconds_a_matching(session: Session, batch: Batch) -> float:
    """Seconds of a matching of a batch's features and its gradient, after one that does not count."""
    model = session.model
    assert isinstance(model, Elim)
    noise = torch.randn(len(batch.target), model.projector.hidden.in_features, device=session.device)
    features = noise.relu().requires_grad_()  # as they are at the end of a neck
    _match(model, features, batch)
    machine.wait(session.device)
    started = time.perf_counter()
    for _ in range(MATCHES):
        _match(model, features, batch)
    machine.wait(session.device)
    return (time.perf_counter() - started) / MATCHES


def _match(model: Elim, features: torch.Tensor, batch: Batch) -> None:
    """What `elim` does with features before it projects them, and the gradient of that."""
    shift_free = model.shift_free(features, model.draw(batch))
    torch.autograd.grad(shift_free, features, torch.ones_like(shift_free))


def _prepare(folder: Path, config: RunConfig, *, count: int) -> None:
    """Write a prepared dataset of drawn faces, one of its identities held out."""
    side_px = round(MARGIN * config.model.image_px)
    folder.mkdir(parents=True)
    images, units = drawn.faces(count, side_px=side_px), []
    for start_row in range(0, count, SHARD_IMAGES):
        part = np.stack(list(islice(images, SHARD_IMAGES)))
        encoded = encode_unit(part, np.ones(len(part), bool), codec="raw", shard_images=SHARD_IMAGES)
        units.append(folder / f"{start_row}.unit")
        units[-1].write_bytes(encoded.content)
    write_images(
        folder,
        (count, side_px, side_px, 3),
        units,
        kind="zarr",
        codec="raw",
        shard_images=SHARD_IMAGES,
        attributes={},
    )
    facts = {"dataset": "drawn", "settings": {}}
    parquet.write(
        folder / parquet.NAME, _manifest(count, config.train.identities_per_batch + 1), metadata=facts
    )
    (folder / "prepare.json").write_text(json.dumps({**facts, "format": FORMAT}), encoding="utf-8")


def _manifest(count: int, identities: int) -> pa.Table:
    """Rows of as many samples of each identity, the first of these in the fold that is held out."""
    identity = np.arange(count) * identities // count
    labels = np.random.default_rng(0).uniform(-1, 1, (2, count))
    names = [f"Actor {number:02}" for number in identity]
    values = {
        **dict.fromkeys(columns.schema().names, [None] * count),
        "row": range(count),
        "path": [f"{number:06}.png" for number in range(count)],
        "identity": names,
        "clip": names,
        "frame": range(count),
        "valence": labels[0],
        "arousal": labels[1],
        "status": ["kept"] * count,
        "fold": (identity > 0).astype(np.int8),
    }
    return pa.table(values, schema=columns.schema())


def _settings(config: RunConfig, session: Session) -> Values:
    """What decides the speed, as the session has resolved it."""
    kept = (
        "batch_size",
        "identities_per_batch",
        "channels_last",
        "compile",
        "accumulate",
        "workers",
        "worker_kind",
    )
    return {
        "backbone": config.model.name,
        "image_px": config.model.image_px,
        "precision": str(session.autocast or torch.float32).removeprefix("torch."),
        **{name: getattr(session.config, name) for name in kept},
        "fused": bool(session.optimizer.defaults["fused"]),
        "torch": torch.__version__,
    }
