"""Latent distributions that are watched while a run trains."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from elimctl.errors import StoreError
from elimctl.loader.dataset import Dataset
from elimctl.loader.view import View
from elimctl.store.images import Reader
from elimctl.train import latents
from elimctl.train.latents import Watched

CLASSES = ("neutral", "happy", "sad")


class Stub(nn.Module):
    """A model whose latent distributions are the mean of an image, spread over the other classes."""

    def latent(self, images, classes):
        shares = torch.full((len(classes), 3), 0.5).scatter(1, classes[:, None], 0.0)
        return shares + images.float().mean(dim=(1, 2, 3))[:, None] / 1000


class Pictures(Reader):
    """Even images, row k of brightness k."""

    def read(self, rows):
        return np.broadcast_to(np.asarray(rows, np.uint8)[:, None, None, None], (len(rows), 4, 4, 3))


def everything():
    annotated = np.array([0, 0, 0, 1, 1, 2, 2, 1])
    original = np.array([0, 0, 1, 1, 0, 2, 0, 2])
    return Watched(np.arange(8) + 10, annotated, original, CLASSES)


def test_half_of_some_samples_are_flipped_and_classes_take_turns():
    found = latents.some(everything(), 4)
    changed = found.annotated != found.original
    assert changed.tolist() == [True, True, False, False]
    assert found.annotated.tolist() == [0, 1, 0, 1]
    assert len(latents.some(everything(), 99)) == 8
    kept = everything().take(np.flatnonzero(everything().annotated == everything().original))
    assert len(latents.some(kept, 3)) == 3


def test_what_was_written_is_read_again(tmp_path):
    path, watched = tmp_path / "latents.csv", everything().take(np.array([2, 3]))
    observe = latents.probe(
        path,
        Dataset(tmp_path, pa.table({}), Pictures()),
        watched,
        view=View(2, 4),
        device=torch.device("cpu"),
    )
    observe(Stub(), 5)
    observe(Stub(), 10)
    found = latents.read(path)
    assert found.step.tolist() == [5, 10]
    assert found.watched.row.tolist() == [12, 13]
    assert found.watched.annotated.tolist() == [0, 1]
    assert found.watched.original.tolist() == [1, 1]
    assert found.watched.classes == CLASSES
    # 12 of 1000 is what the stub makes of row 12
    np.testing.assert_allclose(found.latent[1], [[0.012, 0.512, 0.512], [0.513, 0.013, 0.513]], rtol=1e-6)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "latents.csv"
    path.write_text("step,row,annotated,original,neutral\n5,1,neutral,angry,0.5\n")
    with pytest.raises(StoreError, match=r"latents.csv is damaged"):
        latents.read(path)
    path.write_text("step,row,annotated,original,neutral\n")
    with pytest.raises(StoreError):
        latents.read(path)
