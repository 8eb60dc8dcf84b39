"""How a command computes: the device and the progress of its models, and the scoring of their predictions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from elimctl.metrics.detail import Resampling
from elimctl.metrics.score import MetricOptions

# Passes items on and may count them; called with the items, a label, and their number.
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Execution:
    """Where a command's models run, and who counts their batches.

    Args:
        device: torch device; None for the device that the run was trained on.
        track: wraps batches, epochs and the like.
    """

    device: str | None = None
    track: Track = lambda items, _label, _count: items

    def tracked(self, label: str) -> Callable[[Iterable[Any], int], Iterable[Any]]:
        """The same wrapper for items with a fixed label."""
        return lambda items, count: self.track(items, label, count)


@dataclass(frozen=True, slots=True)
class Scoring:
    """How predictions are scored.

    Args:
        options: form of each metric.
        resampling: how intervals are computed.
        public_code: also compute the scores by the formulas of ELIM's public code.
    """

    options: MetricOptions = field(default_factory=MetricOptions)
    resampling: Resampling = field(default_factory=Resampling)
    public_code: bool = False
