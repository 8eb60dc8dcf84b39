from dataclasses import replace
from itertools import islice, pairwise
from multiprocessing import active_children
from typing import ClassVar

import numpy as np
import pytest
import torch

from elimctl.errors import ConfigError, StoreError
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.loader.transforms import Transforms
from elimctl.store.images import Reader, encode_unit, open_images, write_images


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


TRANSFORMS = [
    {"transform": "GaussNoise", "p": 0.5},
    {"transform": "OneOf", "transforms": [{"transform": "InvertImg"}, {"transform": "RandomGamma"}]},
]


@pytest.fixture
def dataset(tmp_path):
    """The images of `Store` on disk."""
    pixels = Store().read(range(60))
    unit = encode_unit(pixels, np.ones(60, bool), codec="raw", shard_images=60)
    (tmp_path / "unit").write_bytes(unit.content)
    settings = {"kind": "zarr", "codec": "raw", "shard_images": 60, "attributes": {}}
    write_images(tmp_path, pixels.shape, [tmp_path / "unit"], **settings)
    return tmp_path


def batches(sampler="identity", workers=1, reader=None, processes=False, **changes):
    index = np.arange(0, 60, 2)  # every other row of the store
    samples = Samples(
        index=index,
        target=np.stack([index / 60, -index / 60], 1).astype(np.float32),
        identity=np.repeat(np.arange(6), 5),
        names=tuple("abcdef"),
    )
    settings = {
        "batch_size": 12,
        "identities_per_batch": 4,
        "min_samples": 2,
        "crop_px": 8,
        "hflip": 0.5,
        "seed": 1,
    }
    plan = Plan(sampler=sampler, **settings | changes)
    return Batches(reader or Store(), samples, plan, workers=workers, processes=processes)


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


def test_crops_flips_and_the_methods_seed_are_drawn_anew_in_every_step():
    drawn = [batches().batch(step) for step in range(6)]
    places = [
        (tuple(batch.images[:, 1, 0, 0].tolist()), tuple((batch.images[:, 2, 0].diff() == 1)[:, 0].tolist()))
        for batch in drawn
    ]
    assert len({top for top, _ in places}) == len({flips for _, flips in places}) == 6
    assert len({batch.seed for batch in drawn}) == 6
    assert batches(seed=2).batch(0).seed != drawn[0].seed


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


@pytest.mark.parametrize("tables", [None, TRANSFORMS])
@pytest.mark.parametrize("workers", [0, 2, 8])
def test_the_number_of_workers_changes_nothing(workers, tables):
    transforms = tables and Transforms(tables, crop_px=8)
    made = batches(workers=workers, transforms=transforms).stream(0, 12)
    wanted = batches(transforms=transforms)
    assert all(equal(a, wanted.batch(a.step)) for a in made)


def test_processes_make_what_threads_make_and_end_when_their_stream_is_left(dataset):
    transforms = Transforms(TRANSFORMS, crop_px=8)
    source = batches(workers=2, reader=open_images(dataset), processes=True, transforms=transforms)
    drawn = torch.get_rng_state()
    stream = source.stream(3, 1000)
    found = list(islice(stream, 6))
    assert all(batch.images.is_shared() for batch in found)
    wanted = batches(workers=0, transforms=transforms).stream(3, 9)
    assert all(equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert torch.equal(torch.get_rng_state(), drawn)  # a resumed run would draw other numbers
    assert active_children()
    stream.close()
    assert not active_children()


def test_without_workers_there_are_no_processes(dataset):
    [batch] = batches(workers=0, processes=True).stream(2, 3)
    assert equal(batch, batches().batch(2))


def test_an_error_in_a_process_comes_as_itself_with_its_hint(dataset):
    source = batches(reader=open_images(dataset), processes=True)
    (dataset / "images.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StoreError, match=r"images\.zarr") as caught:
        next(source.stream(0, 3))
    with pytest.raises(StoreError) as wanted:
        open_images(dataset)
    assert (str(caught.value), caught.value.hint) == (str(wanted.value), wanted.value.hint)


def test_transforms_change_the_crops_and_differ_between_epochs():
    transforms = Transforms([{"transform": "InvertImg", "p": 0.5}], crop_px=8)
    source = batches("shuffle", transforms=transforms, hflip=0.0, crop_px=12)  # 2 steps an epoch, no slack
    inverted = []
    for first in (0, 2):
        found = [source.batch(step) for step in (first, first + 1)]
        index = torch.cat([batch.index for batch in found])
        images = torch.cat([batch.images for batch in found])
        plain = torch.from_numpy(Store().read(index)).permute(0, 3, 1, 2)
        kept, turned = ((images == each).all((1, 2, 3)) for each in (plain, 255 - plain))
        assert (kept ^ turned).all()
        inverted.append(dict(zip(index.tolist(), turned.tolist(), strict=True)))
    both = inverted[0].keys() & inverted[1].keys()
    assert {(inverted[0][row], inverted[1][row]) for row in both} > {(False, True), (True, False)}


def test_ranks_transform_their_samples_as_one_would():
    transforms = Transforms(TRANSFORMS, crop_px=8)
    shares = [batches(rank=rank, ranks=2, transforms=transforms).batch(5).images for rank in range(2)]
    assert torch.equal(torch.cat(shares), batches(transforms=transforms).batch(5).images)


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


@pytest.mark.parametrize("sampler", ["identity", "shuffle"])
@pytest.mark.parametrize("ranks", [1, 2, 5, 12])  # of 5, two have a sample more than the others
def test_the_images_of_all_ranks_are_the_batch_of_one(sampler, ranks):
    for step in (0, 3):
        whole = batches(sampler).batch(step)
        shares = [batches(sampler, rank=rank, ranks=ranks).batch(step) for rank in range(ranks)]
        assert all(len(part.images) in (12 // ranks, 12 // ranks + 1) for part in shares)
        images = torch.cat([part.images for part in shares])
        for part in shares:
            assert equal(replace(part, images=images), whole)


@pytest.mark.parametrize("ranks", [2, 3])
def test_an_identity_is_on_one_rank_where_there_are_enough(ranks):
    for step in range(5):
        part = batches(rank=0, ranks=ranks).batch(step)
        owners = np.repeat(np.arange(ranks), part.shares)
        on = {(code, owner) for code, owner in zip(part.identity.tolist(), owners, strict=True)}
        assert len(on) == len(set(part.identity.tolist()))


def test_a_rank_reads_no_image_of_another():
    source = batches("shuffle", rank=1, ranks=3)
    read = source.reader.read
    asked = []
    source.reader.read = lambda indices: asked.extend(indices) or read(indices)
    batch = source.batch(0)
    assert asked == batch.index[4:8].tolist()


@pytest.mark.parametrize("sampler", ["identity", "shuffle"])
def test_more_ranks_than_samples_in_a_batch_are_refused(sampler):
    batches(sampler, rank=11, ranks=12)
    with pytest.raises(ConfigError, match="12 samples for 13 ranks") as caught:
        batches(sampler, rank=0, ranks=13)
    assert "fewer processes" in caught.value.hint


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
