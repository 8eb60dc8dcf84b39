from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch

from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.store.images import Reader


class Store(Reader):
    """Images whose pixels say their row and where they are: (row, y, x)."""

    shape = (60, 12, 12, 3)
    attributes: ClassVar = {}

    def read(self, indices):
        y, x = np.mgrid[:12, :12]
        images = np.empty((len(indices), 12, 12, 3), np.uint8)
        images[..., 0] = np.asarray(indices)[:, None, None]
        images[..., 1], images[..., 2] = y, x
        return images

    def check(self):
        pass


def batches(sampler="identity", workers=1, **changes):
    index = np.arange(0, 60, 2)  # every other row of the store
    samples = Samples(
        index=index,
        target=np.stack([index / 60, -index / 60], 1).astype(np.float32),
        identity=np.repeat(np.arange(6), 5),
        names=tuple("abcdef"),
    )
    settings = {"batch_size": 12, "identities": 4, "min_samples": 2, "crop_px": 8, "flip": 0.5, "seed": 1}
    return Batches(Store(), samples, Plan(sampler=sampler, **settings | changes), workers=workers)


def equal(one, other):
    return all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("images", "target", "identity", "index", "groups")
    ) and (one.seed, one.step) == (other.seed, other.step)


@pytest.mark.parametrize("sampler", ["identity", "shuffle"])
def test_images_labels_and_identities_of_a_batch_belong_together(sampler):
    batch = batches(sampler).batch(3)
    index = batch.index.numpy()
    assert (batch.images[:, 0] == batch.index[:, None, None]).all()
    np.testing.assert_allclose(batch.target[:, 0], index / 60, rtol=1e-6)  # float32
    np.testing.assert_array_equal(batch.identity, index // 10)


def test_crops_are_windows_and_flips_run_backwards():
    batch = batches().batch(0)
    rows, columns = batch.images[:, 1, :, 0].long(), batch.images[:, 2, 0].long()
    assert all((b - a == 1).all() for a, b in pairwise(rows.T))
    steps = columns.diff(dim=1)
    assert ((steps == 1).all(1) | (steps == -1).all(1)).all()
    assert set(steps[:, 0].tolist()) == {1, -1}  # both occur among 12 images, at this seed


def test_images_are_channels_last_memory_seen_as_channels_first():
    images = batches().batch(0).images
    assert images.shape == (12, 3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_groups_are_the_identities_of_the_batch():
    batch = batches().batch(2)
    assert batch.groups.shape == (4, 3)
    for group in batch.groups:
        assert len(set(batch.identity[group].tolist())) == 1


def test_a_batch_depends_on_nothing_but_its_step():
    stream = list(batches().stream(0, 7))
    assert [batch.step for batch in stream] == list(range(7))
    assert equal(stream[5], batches().batch(5))
    assert all(equal(a, b) for a, b in zip(stream[4:], batches().stream(4, 7), strict=True))


@pytest.mark.parametrize("workers", [0, 2, 8])
def test_the_number_of_workers_changes_nothing(workers):
    made = batches(workers=workers).stream(0, 12)
    assert all(equal(a, b) for a, b in zip(made, batches().stream(0, 12), strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_that_is_kept_is_not_overwritten_by_later_ones(workers):
    source = batches(workers=workers)
    kept = next(source.stream(0, 1))
    for _ in source.stream(1, 20):
        pass
    assert equal(kept, batches().batch(0))


def test_memory_is_used_again_when_a_batch_is_let_go():
    source = batches(workers=0)
    assert len({batch.images.data_ptr() for batch in source.stream(0, 20)}) <= 2  # one made, one in hand


def test_different_steps_and_seeds_give_different_batches():
    assert not equal(batches().batch(0), batches().batch(1))
    assert not torch.equal(batches().batch(0).index, batches(seed=2).batch(0).index)


def test_an_error_while_reading_ahead_reaches_the_caller():
    broken = batches()
    broken.reader.read = lambda indices: 1 / 0
    with pytest.raises(ZeroDivisionError):
        next(broken.stream(0, 3))


def test_a_stream_that_is_left_early_ends_its_thread():
    import threading

    stream = batches().stream(0, 100)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
