"""When a run is at its end."""

from elimctl.train.checkpoint import Progress
from elimctl.train.config import TrainConfig


def is_stale(progress: Progress, config: TrainConfig) -> bool:
    """Whether the last validations, as many as the run is patient for, brought nothing better.

    Args:
        progress: how far the run has come.
        config: its settings, resolved.
    """
    if config.patience is None or progress.best_step is None:
        return False
    return progress.step - progress.best_step >= config.patience * (config.eval_every or 1)


def is_finished(progress: Progress, config: TrainConfig) -> bool:
    """Whether there is no step left to do; arguments as in `is_stale`."""
    return is_stale(progress, config) or progress.step >= (config.steps or 0)
