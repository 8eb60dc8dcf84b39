"""A tiny backbone and a random batch."""

import numpy as np
import pytest
import torch
from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.loader.batch import Batch
from elimctl.loader.groups import matching_groups


@pytest.fixture
def backbone():
    """A function that builds the same small network every time."""

    def build(d=8):
        torch.manual_seed(0)
        trunk = nn.Sequential(nn.Conv2d(3, 6, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        return Backbone(trunk, nn.Sequential(nn.Linear(24, d), nn.BatchNorm1d(d), nn.ReLU()))

    return build


@pytest.fixture
def batch():
    """A function that draws a batch in which the identities have the given numbers of samples."""

    def draw(counts=(6, 4, 9, 5), *, seed=0, step=0):
        rng = np.random.default_rng(0)
        identity = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        groups = matching_groups(identity, identities=len(counts), min_samples=2, rng=rng)
        return Batch(
            images=torch.from_numpy(rng.integers(0, 256, (len(identity), 3, 16, 16), dtype=np.uint8)),
            target=torch.from_numpy(rng.uniform(-1, 1, (len(identity), 2)).astype(np.float32)),
            identity=torch.from_numpy(identity),
            index=torch.arange(len(identity)),
            groups=torch.from_numpy(groups),
            seed=seed,
            step=step,
        )

    return draw
