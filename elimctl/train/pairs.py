"""Whether a method that matches groups would find any in the batches that it is to be trained on."""

import numpy as np
from jaxtyping import Int64

from elimctl import plugins
from elimctl.errors import DataError
from elimctl.loader.batches import Batches
from elimctl.loader.groups import PADDING
from elimctl.train.config import RunConfig

LOOKED_AT = 100  # batches, at least: of a small split an epoch has few
PAIR = 2  # groups that can be matched, and samples of one, at least


def require_matches(config: RunConfig, batches: Batches) -> None:
    """Refuse batches in which a method would never find two groups to match, and so train without a word.

    The first batches are looked at, an epoch of them or `LOOKED_AT`: one in which two groups have as many
    samples as take part in matching is enough.

    Args:
        config: resolved settings.
        batches: of the training split.

    Raises:
        DataError: there is none.
    """
    plugin, method, plan = plugins.find("methods", config.method_name), config.method_config(), batches.plan
    what = getattr(plugin, "MATCHES", None)
    if what is None or getattr(method, "lambda_main", 1) == 0:  # what is matched counts for nothing
        return
    by_identity = what == "identities"
    codes = batches.samples.identity if by_identity else plugin.matched(batches.samples, method)
    if by_identity and plan.identities_per_batch < PAIR:
        raise DataError(
            f"train.identities_per_batch = {plan.identities_per_batch}, "
            f"and {config.method_name} matches {PAIR} or more",
            hint=f"set train.identities_per_batch to {PAIR} at least, or train --method erm",
        )
    least = plan.min_samples if by_identity else max(getattr(method, "samples_per_identity", PAIR), PAIR)
    looked = min(config.train.steps or 1, max(batches.steps_per_epoch, LOOKED_AT))
    most = 0
    for step in range(looked):
        most = max(most, _second_largest(codes[batches.positions(step)]))
        if most >= least:
            return
    raise DataError(
        f"{config.method_name} matches {what} with {least} samples or more in a batch, and of the first "
        f"{looked} batches of {plan.batch_size} none has two; the second largest has {most} at most",
        hint=_remedy(most, _second_largest(codes), what=what),
    )


def _second_largest(codes: Int64[np.ndarray, " n"]) -> int:
    """Samples of the second largest group; 0 where there is one group or none."""
    return int(np.sort(np.bincount(codes[codes != PADDING], minlength=PAIR))[-PAIR])


def _remedy(most: int, everywhere: int, *, what: str) -> str:
    """What can be done where two groups have at most so many samples in a batch, and in the whole split."""
    fewer = f"add --set method.samples_per_identity={most}, or " if most >= PAIR else ""
    if what == "identities":
        return f"{fewer}leave train.sampler out: batches are then balanced over identities"
    if everywhere < PAIR:
        return f"prepare a dataset with several people in two {what}, or train --method erm"
    return f"{fewer}raise --batch-size"
