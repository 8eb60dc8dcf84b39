"""The forms of metrics that are functions of sums over identities, beside those of a split's scores."""

from elimctl.config import validate
from elimctl.evaluate.score import MetricOptions
from elimctl.evaluate.table import PredictionTable


def summed_forms(table: PredictionTable) -> MetricOptions:
    """The forms of the scores that sums over identities give, which is how parts of a split are scored.

    Args:
        table: predictions of valence and arousal.

    Returns:
        SAGR as the split was scored; RMSE of all samples together and population moments whatever it was
        scored in, as their intervals are of these.

    Raises:
        ConfigError: the predictions were scored in forms that there are not.
    """
    return MetricOptions(sagr_zero=_scored(table).sagr_zero)


def remark(table: PredictionTable) -> str | None:
    """What forms `summed_forms` has that the split was not scored in, in one line; None for none."""
    scored, found = _scored(table).model_dump(), summed_forms(table).model_dump()
    other = [f"{name} {found[name]}, not {scored[name]}" for name in found if found[name] != scored[name]]
    return f"in other forms than the scores of the split: {'; '.join(other)}" if other else None


def _scored(table: PredictionTable) -> MetricOptions:
    """The forms that a split was scored in, the usual ones where its file names none."""
    return validate(MetricOptions, table.protocol.get("metrics") or {}, where="metrics")
