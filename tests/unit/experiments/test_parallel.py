from pathlib import Path

import pytest

from elimctl.errors import TrainingError
from elimctl.experiments.jobs import Job
from elimctl.experiments.parallel import complete_all
from elimctl.workspace import Workspace

JOBS = [Job(name, "", 0, 0, {}) for name in ("first", "second", "third")]


def test_a_run_that_fails_does_not_keep_the_others_from_their_ends():
    def complete(workspace, job, follow):
        if job.name == "first":
            raise TrainingError("loss is nan in step 3")
        return True

    found = complete_all(complete, Workspace(Path()), JOBS, workers=1)
    assert [next(found).name, next(found).name] == ["second", "third"]
    with pytest.raises(TrainingError, match="1 of 3 runs failed, first: loss is nan in step 3"):
        next(found)
