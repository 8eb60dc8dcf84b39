import csv
from itertools import pairwise
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from elimctl.errors import TrainingError
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.metrics.score import Scores
from elimctl.store.images import Reader
from elimctl.train.config import TrainConfig
from elimctl.train.loop import fit
from elimctl.train.run import Run
from elimctl.train.session import Session
from elimctl.train.step import step_seed


class Store(Reader):
    """Eight images of noise."""

    shape = (8, 4, 4, 3)
    attributes: ClassVar = {}

    def read(self, indices):
        return np.random.default_rng(0).integers(0, 255, self.shape, dtype=np.uint8)[indices]

    def check(self):
        pass


class Model(nn.Module):
    """A linear regressor whose updates are given."""

    def __init__(self, updates=1, poison_at=None):
        super().__init__()
        self.backbone, self.projector = nn.Linear(48, 4), nn.Linear(4, 2)
        self.number, self.poison_at, self.seen = updates, poison_at, []

    def parameter_groups(self):
        return {name: list(part.parameters()) for name, part in self.named_children()}

    def updates(self, batch):
        return self.number

    def losses(self, batch, *, update):
        self.seen.append((batch.step, update, self.backbone.weight.detach().clone()))
        features = self.backbone(batch.images.float().flatten(1) / 255)
        total = (self.projector(features) - batch.target).square().mean()
        if batch.step == self.poison_at:
            total = total * float("nan")
        return {"total": total, f"part{update}": total}


def scores(ccc):
    axis = {"rmse": 0.1, "sagr": 0.5, "pcc": ccc, "ccc": ccc, "mae": 0.1}
    return Scores("val", 8, axis, axis, axis)


@pytest.fixture
def session(tmp_path):
    """A function that makes a session on eight images; validation says the CCC given per step."""

    def make(model=None, ccc=lambda step: step / 100, **train):
        torch.manual_seed(0)
        settings = {"steps": 6, "batch_size": 4, "eval_every": 2, "checkpoint_every": 3, "device": "cpu"}
        config = TrainConfig(**settings | train)
        samples = Samples(
            np.arange(8), np.zeros((8, 2), np.float32), np.repeat(np.arange(4), 2), ("a", "b", "c", "d")
        )
        plan = Plan(4, "shuffle", identities_per_batch=2, min_samples=2, crop_px=4, hflip=0.5, seed=0)
        made = SimpleNamespace(session=None)

        def validate(_):
            return scores(ccc(made.session.progress.step))

        (tmp_path / "runs" / "one").mkdir(parents=True, exist_ok=True)
        batches = Batches(Store(), samples, plan)
        made.session = Session(Run(tmp_path / "runs" / "one"), config, model or Model(), batches, validate)
        return made.session

    return make


def test_rates_by_epoch_change_with_the_epochs(session):
    """Eight samples in batches of four: two steps an epoch."""
    made = session(lr_backbone=1e-3, rates=[{"epoch": 1, "backbone": 1e-4}, {"epoch": 2, "projector": 1e-2}])
    rates = []
    made.optimizer.register_step_pre_hook(
        lambda optimizer, *_: rates.append([group["lr"] for group in optimizer.param_groups])
    )
    assert [report.lr for report in fit(made)] == [1e-3] * 2 + [1e-4] * 4
    assert rates == [[1e-3, 1e-5]] * 2 + [[1e-4, 1e-5]] * 2 + [[1e-4, 1e-2]] * 2


def test_every_step_is_reported_and_validations_and_checkpoints_come_when_due(session):
    reports = list(fit(session()))
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report.step for report in reports if report.scores] == [2, 4, 6]
    assert [report.step for report in reports if report.saved] == [3, 6]


def test_every_step_trains_and_every_validation_evaluates(session):
    """As BatchNorm and dropout want it: no step after a validation goes on in evaluation mode."""
    modes = []

    class Watched(Model):
        def losses(self, batch, *, update):
            modes.append(("step", self.training, self.backbone.training))
            return super().losses(batch, update=update)

    made = session(Watched())
    validate = made.validate

    def watched(model):
        modes.append(("validation", model.training, model.backbone.training))
        return validate(model)

    made.validate = watched
    list(fit(made))
    step, validation = ("step", True, True), ("validation", False, False)
    assert modes == [step, step, validation] * 3


def test_the_last_step_is_validated_and_saved_whatever_is_due(session):
    last = list(fit(session(steps=5)))[-1]
    assert last.scores
    assert last.saved


def test_the_best_checkpoint_is_that_of_the_highest_validation_ccc(session):
    made = session(ccc={2: 0.2, 4: 0.6, 6: 0.4}.__getitem__)
    list(fit(made))
    assert (made.progress.best_step, made.progress.best) == (4, 0.6)


def test_a_loss_that_is_not_finite_stops_before_it_reaches_the_weights(session):
    model = Model(poison_at=2)
    with pytest.raises(
        TrainingError, match=r"total, part0 is not finite at step 3 .*identities in the batch: "
    ):
        list(fit(session(model)))
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_an_optimiser_step_follows_each_update_of_the_method(session):
    model = Model(updates=2)
    list(fit(session(model, steps=2)))
    weights = [weight for _, _, weight in model.seen]
    assert len(weights) == 4
    assert not any(torch.equal(a, b) for a, b in pairwise(weights))


def test_total_is_the_sum_over_updates_and_parts_are_reported_once(session):
    report = next(fit(session(Model(updates=2))))
    assert report.losses["total"] == pytest.approx(report.losses["part0"] + report.losses["part1"])


def test_clipping_bounds_the_step_of_the_backbone(session):
    def moved(**train):
        model = Model()
        made = session(model, lr_backbone=0.1, **train)
        next(fit(made))
        return max(abs(p.grad).max().item() for p in model.backbone.parameters())

    assert moved(clip_norm=1e-4) <= 1e-4
    assert moved() > 1e-3


def test_the_log_has_a_row_per_step_and_no_clock(session):
    made = session()
    list(fit(made))
    with made.run.log.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["val_ccc"] for row in rows] == ["", "0.02", "", "0.04", "", "0.06"]
    assert set(rows[0]) == {
        *("step", "epoch", "lr", "loss_total", "loss_part0"),
        *("val_ccc_valence", "val_ccc_arousal", "val_ccc"),
    }
    assert [int(row["epoch"]) for row in rows] == [0, 0, 1, 1, 2, 2]


def test_seeds_of_steps_differ_and_do_not_depend_on_the_process():
    assert len({step_seed(seed, step) for seed in range(3) for step in range(100)}) == 300
    assert step_seed(0, 0) == 10_836_794_811_241_237_126


def test_bf16_is_close_to_float32_and_the_weights_stay_float32(session):
    def first(precision):
        torch.manual_seed(0)
        model = Model()
        return next(fit(session(model, precision=precision))).losses["total"], model

    exact, _ = first("float32")
    rounded, model = first("bf16")
    assert rounded == pytest.approx(exact, rel=0.05)  # bf16 rounds by up to 0.4 %, in every operation
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_a_run_ends_when_its_patience_does(session):
    found = {2: 0.5, 4: 0.4, 6: 0.6, 8: 0.6, 10: 0.1, 12: 0.9}
    made = session(ccc=found.__getitem__, steps=12, patience=2)
    *_, last = fit(made)
    assert (last.step, made.progress.best_step) == (10, 6)
    assert last.saved
    assert made.stale
    assert made.finished


def test_without_patience_a_run_goes_to_its_end(session):
    made = session(ccc=lambda step: -step / 12, steps=12)
    *_, last = fit(made)
    assert last.step == 12
    assert made.finished
    assert not made.stale


def test_the_scale_of_fp16_is_resumed(session):
    made = session(precision="fp16", steps=4)
    list(fit(made))
    made.scaler.load_state_dict(made.scaler.state_dict() | {"scale": 2.0**7})
    made.save()
    again = session(precision="fp16", steps=4)
    again.resume()
    assert again.scaler.state_dict() == made.scaler.state_dict()


def test_trackers_are_told_what_the_log_is_told(session, monkeypatch):
    told = []

    class Tracker:
        def log(self, step, values):
            told.append((step, values["loss/total"], "val/ccc" in values))

        def close(self):
            told.append("closed")

    made = session(steps=2, trackers=("tensorboard",))
    (made.run.folder / "recipe.toml").write_text("")
    monkeypatch.setattr("elimctl.train.trackers.open_trackers", lambda *_, **__: Tracker())
    first, second = fit(made)
    assert told == [
        (1, first.losses["total"], False),
        (2, second.losses["total"], True),
        "closed",
    ]


def test_the_best_checkpoint_does_not_depend_on_when_others_were_written(session):
    made = session(precision="fp16", steps=4, checkpoint_every=1)
    list(fit(made))
    best = made.run.best.read_bytes()
    other = session(precision="fp16", steps=4, checkpoint_every=4)
    list(fit(other))
    assert other.run.best.read_bytes() == best
