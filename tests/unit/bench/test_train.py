"""That real steps are measured; how fast they are is for `elimctl bench`, not for tests."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from elimctl.backbones.config import BackboneConfig
from elimctl.bench import train
from elimctl.commands.train import start
from elimctl.errors import ConfigError
from elimctl.methods import elim
from elimctl.store.images import open_images
from elimctl.train.config import RunConfig, TrainConfig
from elimctl.workspace import Workspace

IDENTITIES, BATCH, SIDE_PX = 3, 9, 32


@pytest.fixture
def config(monkeypatch) -> Iterator[RunConfig]:
    """Settings of the smallest network there is, with what is measured kept short."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a loaded machine several wait for each other most of the time
    monkeypatch.setattr(train.drawn, "DRAWN", 2)
    monkeypatch.setattr(train, "BATCHES", 4)
    monkeypatch.setattr(train, "SHARD_IMAGES", 16)
    monkeypatch.setattr(train, "ROUNDS", {"cpu": 2})
    monkeypatch.setattr(train, "UNCOUNTED", {"cpu": 1})
    yield RunConfig(
        model=BackboneConfig(name="timm/test_resnet", image_px=SIDE_PX),
        train=TrainConfig(
            batch_size=BATCH, identities_per_batch=IDENTITIES, device="cpu", precision="float32"
        ),
    )
    torch.set_num_threads(threads)


@pytest.fixture
def session(config, tmp_path):
    """A session that trains `elim` on the drawn images."""
    place = Workspace(tmp_path)
    train._prepare(place.new_dataset("drawn"), config, count=36)
    return start(place, config)


def test_a_measurement_says_what_it_does_and_ends_with_rates(config, tmp_path, monkeypatch):
    taken = []
    real = train.take_step
    monkeypatch.setattr(
        train, "take_step", lambda session, batch: taken.append((session, batch)) or real(session, batch)
    )
    *steps, found = train.measure(tmp_path, config, steps=1)
    assert all(isinstance(step, str) for step in steps)
    assert isinstance(found, train.Rates)
    assert min(found.store, found.repeated, found.elim, found.erm, found.matching) > 0
    assert found.repeated == pytest.approx(found.elim * BATCH)
    assert (
        found.settings.items()
        >= {
            "backbone": "timm/test_resnet",
            "image_px": SIDE_PX,
            "batch_size": BATCH,
            "precision": "float32",
            "steps": 1,
            "rounds": 2,
        }.items()
    )
    # one step of each method at first, then in each round one that does not count and one that does
    assert [session.run.name for session, _ in taken] == ["elim", "erm"] + 2 * (["elim"] * 4 + ["erm"] * 2)
    first, stored = taken[0][1], [batch for _, batch in taken[2:4]]
    assert [batch.step for batch in stored] == [1, 2]
    assert all(batch is first for _, batch in taken[4:8])


def test_the_store_holds_images_of_256_px_for_crops_of_224_px(config, tmp_path):
    config = config.model_copy(update={"model": BackboneConfig()})
    train._prepare(tmp_path / "data" / "drawn", config, count=2)
    assert open_images(tmp_path / "data" / "drawn").shape == (2, 256, 256, 3)


def test_batches_of_the_store_are_those_that_training_gets(session):
    batch = session.batches.batch(0)
    assert batch.images.shape == (BATCH, 3, SIDE_PX, SIDE_PX)
    assert batch.groups.shape == (IDENTITIES, BATCH // IDENTITIES)
    images = session.batches.reader.read(range(36)).reshape(36, -1)
    assert len(np.unique(images, axis=0)) == 36  # across shards too


def test_the_making_of_batches_is_part_of_a_step(session, monkeypatch):
    clock = iter([0.0, 6.0])
    monkeypatch.setattr(train, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    asked = []

    def batches():
        for step in range(10):
            asked.append(step)
            yield session.batches.batch(step)

    assert train._seconds_a_step(session, batches(), 3) == 2.0
    assert asked == [0, 1, 2, 3]  # one that does not count, then three


def test_the_matching_that_is_measured_is_that_of_the_loss(session, monkeypatch):
    batch, model = session.batches.batch(0), session.model
    features = torch.randn(BATCH, 64, generator=torch.Generator().manual_seed(0)).relu().requires_grad_()
    seen = []
    real = elim.remove_shift
    monkeypatch.setattr(
        elim, "remove_shift", lambda z, shift, **how: seen.append((z, shift)) or real(z, shift, **how)
    )
    train._match(model, features, batch)
    model.matching_loss(features, torch.zeros(BATCH, 2), batch)
    measured, trained = seen
    torch.testing.assert_close(measured, trained, rtol=0, atol=0)  # the same sums in the same order


def test_ratios_and_shares_are_of_what_was_measured():
    found = train.Rates("card", store=95, repeated=100, elim=9.5, erm=10, matching=950, settings={})
    assert found.ratios == {"store_to_repeated": 0.95, "elim_to_erm": 0.95}
    assert found.matching_share == pytest.approx(0.01)


def test_a_device_that_is_not_there_is_refused_before_anything_is_drawn(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    absent = config.train.model_copy(update={"device": "cuda"})
    with pytest.raises(ConfigError, match="0 CUDA devices found"):
        next(train.measure(tmp_path, config.model_copy(update={"train": absent})))
    assert not list(Path(tmp_path).iterdir())
