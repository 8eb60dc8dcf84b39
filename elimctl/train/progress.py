"""Report of a training step."""

from dataclasses import dataclass
from pathlib import Path

from elimctl.metrics.classes import ClassScores
from elimctl.metrics.score import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one step."""

    step: int  # number of the step, from 1
    steps: int  # total number of steps
    losses: dict[str, float]  # by name, from `take_step`
    lr: float  # learning rate of the backbone
    images_per_s: float  # of all ranks, since the run was started or resumed
    scores: Scores | ClassScores | None = None  # validation scores, if this step validates
    best: float | None = None  # best validation score so far, CCC or accuracy
    saved: Path | None = None  # the checkpoint written after this step
