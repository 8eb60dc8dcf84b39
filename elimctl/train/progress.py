"""Report of a training step."""

from dataclasses import dataclass
from pathlib import Path

from elimctl.metrics.classes import ClassScores
from elimctl.metrics.score import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one step.

    Args:
        step: number of the step, from 1.
        steps: total number of steps.
        losses: by name, from `take_step`.
        lr: learning rate of the backbone.
        images_per_s: of all ranks, since the run was started or resumed.
        scores: validation scores, if this step validates.
        best: best validation score so far, CCC or accuracy.
        saved: the checkpoint written after this step.
    """

    step: int
    steps: int
    losses: dict[str, float]
    lr: float
    images_per_s: float
    scores: Scores | ClassScores | None = None
    best: float | None = None
    saved: Path | None = None
