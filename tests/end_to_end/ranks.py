"""A training step of a small network, run by one process or by several, its numbers written to files."""

import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from elimctl import plugins
from elimctl.backbones.backbone import Backbone
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.methods import elim
from elimctl.store.images import Reader
from elimctl.train.config import TrainConfig
from elimctl.train.ranks import joined
from elimctl.train.session import Session
from elimctl.train.step import take_step


class Parts(elim.Elim):
    """Two updates, the first of which trains the projector alone."""

    every_parameter = False

    def updates(self, batch):
        return 2

    def losses(self, batch, *, update=0):
        features = self.features(batch)
        return {
            "total": (self.project(features.detach() if update == 0 else features) - batch.target)
            .square()
            .mean()
        }


CLASSES = 4
CASES = {
    "elim": ("elim", {}, {}),
    "elim-alternate": ("elim", {"update": "alternate"}, {}),
    "elim-attention": ("elim-attention", {}, {}),
    "attention-alternate": ("elim-attention", {"update": "alternate"}, {}),
    "erm": ("erm", {}, {}),
    "caf": ("caf", {"rho": 0.1}, {}),  # of the default's multiplier a step would show nothing
    "cross-entropy": ("cross-entropy", {"classes": CLASSES, "dropout": 0.0}, {"sampler": "shuffle"}),
    "uneven": ("elim", {}, {"batch_size": 15}),
    "compiled": ("elim", {}, {"compile": True}),
    "partial": ("partial", {}, {}),
    "clipped": ("erm", {}, {"clip_norm": 0.01}),
}


class Noise(Reader):
    """Images of noise."""

    shape = (40, 20, 20, 3)
    attributes: ClassVar = {}

    def read(self, indices):
        return np.random.default_rng(0).integers(0, 255, self.shape, dtype=np.uint8)[indices]

    def check(self):
        pass


def session(name, ranks):
    """A session on a network with BatchNorms, whose steps are too small to change what comes next."""
    method, settings, train = CASES[name]
    plugin = plugins.find("methods", "elim" if method == "partial" else method)
    torch.manual_seed(0)
    trunk = nn.Sequential(
        nn.Conv2d(3, 4, 5, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    neck = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU())
    model = plugin.build(plugin.Config(**settings), Backbone(trunk, neck))
    if method == "partial":
        model.__class__ = Parts
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # what it drops is drawn anew for another number of ranks
    config = TrainConfig(
        **{"steps": 1, "batch_size": 20, "sampler": plugin.SAMPLER, "device": "cpu", "precision": "float32"}
        | {"lr_backbone": 1e-12, "lr_projector": 1e-12}  # Adam makes a whole step of a rounding error
        | train
    )
    rng = np.random.default_rng(1)
    target = rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    samples = Samples(
        np.arange(40),
        target,
        np.repeat(np.arange(8), 5),
        tuple("abcdefgh"),
        classes=rng.integers(0, CLASSES, 40),
    )
    plan = Plan(
        config.batch_size, config.sampler, identities_per_batch=5, min_samples=2, crop_px=16, hflip=0.5,
        seed=0,
        rank=ranks.rank, ranks=ranks.size,
    )  # fmt: skip
    run = SimpleNamespace(name="one")
    return Session(run, config, model, Batches(Noise(), samples, plan), None, ranks)


def gradients(made):
    """Fill a table with the gradients of each update, just before the optimiser takes it."""
    found, updates = {}, count()

    def keep(*_):
        update = next(updates)
        for key, parameter in made.model.named_parameters():
            if parameter.grad is not None:  # what an update does not reach, Adam must leave alone
                found[f"gradient.{update}.{key}"] = parameter.grad.contiguous().clone()

    made.optimizer.register_step_pre_hook(keep)
    return found


def main(folder):
    """Write losses, gradients of every update, and statistics of a step of every case."""
    with joined("cpu") as ranks:
        for name in CASES:
            made = session(name, ranks)
            found = gradients(made)
            losses = take_step(made, made.batches.batch(0))
            found |= {f"loss.{key}": torch.tensor(value) for key, value in losses.items()}
            found |= {f"buffer.{key}": value.clone() for key, value in made.model.named_buffers()}
            save_file(found, Path(folder) / f"{name}.{ranks.size}.{ranks.rank}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1])
