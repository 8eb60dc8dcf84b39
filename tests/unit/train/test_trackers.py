"""Trackers: TensorBoard by the event files that it writes, W&B by what a stand-in for it is told."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from elimctl.errors import ConfigError
from elimctl.metrics.score import Scores
from elimctl.train.progress import Report
from elimctl.train.trackers import open_trackers, values

CREATED = "2025-03-04T05:06:07.000089+00:00"


@pytest.fixture
def folder(tmp_path):
    """The folder of a run."""
    made = tmp_path / "elim-al-1"
    made.mkdir()
    (made / "run.json").write_text(json.dumps({"name": made.name, "created": CREATED}))
    return made


@pytest.fixture
def track(folder):
    """A function that tracks some steps of the run, with a loss that rises by 1 from `first`."""

    def steps(name, start, stop, *, first):
        tracker = open_trackers([name], folder=folder, name=folder.name, config={"train": {}}, step=start)
        for number, step in enumerate(range(start + 1, stop + 1)):
            tracker.log(step, {"loss/total": first + number})
        tracker.close()

    return steps


def read_events(folder):
    """Steps and values of the loss that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("loss/total")]


class Wandb(ModuleType):
    """W&B as far as it is used; its runs are kept, and refuse steps that lie behind, as the real ones do."""

    class Error(Exception):
        pass

    def __init__(self):
        super().__init__("wandb")
        self.runs, self.asked, self.refusal = {}, [], None

    def init(self, **knobs):
        if self.refusal:
            raise self.Error(self.refusal)
        self.asked.append(knobs)
        rows = self.runs.setdefault(knobs["id"], {})
        run = SimpleNamespace(step=max(rows, default=-1) + 1, finished=False)

        def log(row, *, step):
            assert step >= run.step
            run.step = step
            rows.setdefault(step, {}).update(row)

        run.log, run.finish = log, lambda: setattr(run, "finished", True)
        self.last = run
        return run


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in in the place of W&B."""
    made = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", made)
    return made


def report(**given):
    return Report(step=7, steps=9, losses={"total": 2.5, "main": 0.5}, lr=1e-4, images_per_s=99.0, **given)


def test_values_are_named_by_what_they_are_of():
    assert values(report()) == {"lr": 1e-4, "images_per_s": 99.0, "loss/total": 2.5, "loss/main": 0.5}


def test_values_of_a_step_that_validates_hold_the_ccc_of_both_axes_and_their_mean():
    names = ("rmse", "sagr", "pcc", "ccc", "mae")
    axes = [dict(zip(names, (0.1 * n, 0.2 * n, 0.3 * n, 0.4 * n, 0.5 * n), strict=True)) for n in (1, 2, 3)]
    found = values(report(scores=Scores("val", 8, *axes)))
    assert found.items() >= values(report()).items()
    assert (found["val/ccc_valence"], found["val/ccc_arousal"], found["val/ccc"]) == (
        axes[0]["ccc"],
        axes[1]["ccc"],
        axes[2]["ccc"],
    )
    assert {name for name in found if name.startswith("val/")} == {
        "val/ccc",
        "val/ccc_valence",
        "val/ccc_arousal",
    }


def test_no_tracker_is_a_tracker_that_keeps_nothing(folder):
    tracker = open_trackers([], folder=folder, name="one", config={}, step=0)
    tracker.log(1, {"lr": 1.0})
    tracker.close()
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_tensorboard_reads_what_was_written(folder, track):
    track("tensorboard", 0, 3, first=10)
    assert read_events(folder) == [(1, 10), (2, 11), (3, 12)]


def test_tensorboard_forgets_what_a_killed_run_wrote_after_its_checkpoint(folder, track):
    track("tensorboard", 0, 4, first=10)
    track("tensorboard", 2, 5, first=20)
    assert read_events(folder) == [(1, 10), (2, 11), (3, 20), (4, 21), (5, 22)]


def test_tensorboard_forgets_everything_when_a_run_starts_over(folder, track):
    track("tensorboard", 0, 2, first=10)
    track("tensorboard", 0, 1, first=20)
    assert read_events(folder) == [(1, 20)]


def test_tensorboard_has_a_step_on_disk_before_the_run_goes_on(folder):
    tracker = open_trackers(["tensorboard"], folder=folder, name="one", config={}, step=0)
    tracker.log(1, {"loss/total": 3.0})
    assert read_events(folder) == [(1, 3)]
    tracker.close()


def test_wandb_gets_the_recipe_and_keeps_its_files_with_the_run(folder, wandb):
    config = {"train": {"steps": 9}}
    open_trackers(["wandb"], folder=folder, name=folder.name, config=config, step=0).close()
    (asked,) = wandb.asked
    assert asked["project"] == "elimctl"
    assert asked["name"] == "elim-al-1"
    assert asked["config"] == config
    assert asked["dir"] == str(folder)
    assert wandb.last.finished


def test_wandb_continues_a_resumed_run_and_is_told_no_step_twice(wandb, track):
    track("wandb", 0, 4, first=10)
    track("wandb", 2, 6, first=12)
    assert {knobs["id"] for knobs in wandb.asked} == {"elim-al-1-202503040506070000890000"}
    assert {knobs["resume"] for knobs in wandb.asked} == {"allow"}
    (rows,) = wandb.runs.values()
    assert rows == {step: {"loss/total": 9 + step} for step in range(1, 7)}


def test_wandb_takes_a_new_run_of_an_old_name_for_another_one(folder, wandb, track):
    track("wandb", 0, 2, first=10)
    facts = {"name": folder.name, "created": CREATED.replace("2025", "2026")}
    (folder / "run.json").write_text(json.dumps(facts))
    track("wandb", 0, 2, first=20)
    assert len(wandb.runs) == 2


def test_a_run_that_wandb_refuses_says_how_to_go_on(wandb, track):
    wandb.refusal = "No API key configured.\nUse `wandb login`"
    with pytest.raises(ConfigError, match="refuses the run: No API key configured") as caught:
        track("wandb", 0, 1, first=1)
    assert "WANDB_MODE=offline" in caught.value.hint


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_missing_package_names_the_extra_that_has_it(name, module, track, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f"names {name}, which cannot be imported") as caught:
        track(name, 0, 1, first=1)
    assert f"pip install 'elimctl[{name}]'" in caught.value.hint


def test_trackers_that_are_open_are_closed_when_another_one_fails(folder, wandb, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError):
        open_trackers(["wandb", "tensorboard"], folder=folder, name="one", config={}, step=0)
    assert wandb.last.finished


def test_all_trackers_are_told_the_same(folder, wandb):
    tracker = open_trackers(["tensorboard", "wandb"], folder=folder, name="one", config={}, step=0)
    tracker.log(1, {"loss/total": 4.0})
    tracker.close()
    assert read_events(folder) == [(1, 4)]
    assert list(wandb.runs.values()) == [{1: {"loss/total": 4.0}}]
