"""Check that a matching method finds groups to match in its batches."""

import numpy as np
from jaxtyping import Int64

from elimctl import plugins
from elimctl.errors import DataError
from elimctl.loader.batches import Batches
from elimctl.loader.groups import PADDING
from elimctl.train.config import RunConfig

LOOKED_AT = 100  # least number of batches to check; an epoch of a small split has fewer
PAIR = 2  # least number of groups to match, and of samples in a group


def require_matches(config: RunConfig, batches: Batches) -> None:
    """Refuse training batches without two groups to match: the method would train without matching.

    Checks the first epoch or `LOOKED_AT` batches. One batch in which two groups have enough samples suffices.

    Raises:
        DataError: no such batch.
    """
    plugin, method, plan = plugins.find("methods", config.method_name), config.method_config(), batches.plan
    groups = getattr(plugin, "MATCHES", None)
    if groups is None or getattr(method, "lambda_main", 1) == 0:  # matching has no weight
        return
    by_identity = groups == "identities"
    codes = batches.samples.identity if by_identity else plugin.matched(batches.samples, method)
    if by_identity and plan.identities_per_batch < PAIR:
        raise DataError(
            f"train.identities_per_batch = {plan.identities_per_batch}, "
            f"and {config.method_name} matches {PAIR} or more",
            hint=f"set train.identities_per_batch to {PAIR} or more, or train --method erm",
        )
    least = plan.min_samples if by_identity else max(getattr(method, "samples_per_identity", PAIR), PAIR)
    looked = min(config.train.steps or 1, max(batches.steps_per_epoch, LOOKED_AT))
    most = 0
    for step in range(looked):
        most = max(most, _second_largest(codes[batches.positions(step)]))
        if most >= least:
            return
    raise DataError(
        f"{config.method_name} matches {groups} with {least} samples or more in a batch; "
        f"none of the first {looked} batches of {plan.batch_size} has two: "
        f"the second largest has at most {most} samples",
        hint=_remedy(most, _second_largest(codes), groups=groups),
    )


def _second_largest(codes: Int64[np.ndarray, " n"]) -> int:
    """Samples of the second largest group; 0 for fewer than two groups."""
    return int(np.sort(np.bincount(codes[codes != PADDING], minlength=PAIR))[-PAIR])


def _remedy(most: int, everywhere: int, *, groups: str) -> str:
    """A hint, from the samples of the second largest group in a batch and in the whole split."""
    fewer = f"add --set method.samples_per_identity={most}, or " if most >= PAIR else ""
    if groups == "identities":
        return f"{fewer}leave train.sampler out, so that batches are balanced over identities"
    if everywhere < PAIR:
        return f"prepare a dataset with several people in two {groups}, or train --method erm"
    return f"{fewer}raise --batch-size"
