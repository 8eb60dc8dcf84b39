"""What training tells of a step."""

from dataclasses import dataclass
from pathlib import Path

from elimctl.metrics.classes import ClassScores
from elimctl.metrics.score import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one step.

    Args:
        step: steps done, this one included.
        steps: steps in all.
        losses: the step's losses by name, as `take_step` gives them.
        lr: learning rate of the backbone.
        images_per_s: images trained on per second, since the run was started or resumed, by all ranks.
        scores: validation scores, on the steps that validate.
        best: best validation score so far, CCC or accuracy.
        saved: the checkpoint written after this step, if one was.
    """

    step: int
    steps: int
    losses: dict[str, float]
    lr: float
    images_per_s: float
    scores: Scores | ClassScores | None = None
    best: float | None = None
    saved: Path | None = None
