"""Small arrays that figures are drawn from."""

from dataclasses import dataclass

import numpy as np
import pytest

from elimctl.figures.latent_rows import Annotated

CLASSES = ("neutral", "happy", "sad", "anger")


@dataclass(frozen=True)
class Samples:
    preds: np.ndarray
    target: np.ndarray
    identity: np.ndarray


def samples(count=120, identities=6):
    rng = np.random.default_rng(0)
    target = np.clip(rng.normal(0, 0.4, (count, 2)), -1, 1)
    preds = 0.5 * target + rng.normal(0, 0.1, (count, 2))
    names = np.array([f"Actor {number:02d}" for number in range(identities)])
    return Samples(preds, target, names[np.arange(count) % identities])


@pytest.fixture
def drawn():
    return samples()


@pytest.fixture
def annotated():
    """Five samples; the first two were flipped."""
    return Annotated(
        [f"row {k}" for k in range(5)], np.array([0, 1, 2, 3, 0]), np.array([1, 3, 2, 3, 0]), None
    )


@pytest.fixture
def latent():
    """Their distributions: the first sample's original class is first, the second's is not."""
    return np.array(
        [
            [0.0, 0.7, 0.2, 0.1],
            [0.6, 0.0, 0.3, 0.1],
            [0.3, 0.3, 0.0, 0.4],
            [0.2, 0.5, 0.3, 0.0],
            [0.0, 0.2, 0.5, 0.3],
        ]
    )
