from pathlib import Path

import pytest

from elimctl.errors import TrainingError
from elimctl.experiments.driver import Deadline, Driver, drive
from elimctl.experiments.jobs import Job
from elimctl.workspace import Workspace

JOBS = [Job(name, "", 0, 0, {}) for name in ("first", "second", "third")]


def diverging(workspace, job, follow):
    """Complete a run; the first one diverges, the second one is known."""
    if job.name == "first":
        raise TrainingError("loss is nan in step 3")
    return job.name != "second"


def test_a_run_that_fails_does_not_keep_the_others_from_their_ends():
    steps = drive(Workspace(Path()), JOBS, Driver(complete=diverging, keep_going=True))
    states = [(step.job.name, step.state) for step in (next(steps) for _ in range(5))]
    assert states[0] == ("first", "begun")
    assert states[1:] == [("second", "begun"), ("second", "known"), ("third", "begun"), ("third", "finished")]
    with pytest.raises(TrainingError, match="1 of 3 runs failed; first: loss is nan in step 3"):
        next(steps)


def test_a_run_that_fails_ends_all_unless_they_shall_go_on():
    steps = drive(Workspace(Path()), JOBS, Driver(complete=diverging))
    assert next(steps).state == "begun"
    with pytest.raises(TrainingError, match=r"^loss is nan in step 3$"):
        next(steps)


def test_a_deadline_counts_down():
    assert Deadline.after(None).left_s() is None
    assert 59 < Deadline.after(60).left_s() <= 60
