"""Matching of a few identities of a split, as a trained run's method matches those of a batch."""

from dataclasses import dataclass

import numpy as np
import torch

from elimctl.errors import DataError
from elimctl.loader.groups import PADDING, matching_groups
from elimctl.methods import elim, elim_attention
from elimctl.methods.matching import gather, problems, select
from elimctl.methods.shifts import plans
from elimctl.train.config import RunConfig
from elimctl.transport.convergence import Watch
from elimctl.transport.shift import identity_shift

IDENTITIES, REFERENCES = 5, 2  # drawn, and how many of them the others are matched to
SAMPLES = 10  # of an identity at most
PAIR = 2  # samples of an identity at least


@dataclass(frozen=True, slots=True)
class Match:
    """One reference identity and one target identity, matched.

    Args:
        reference: (n,) positions of its samples.
        target: (m,) positions of its samples.
        plan: (n, m) mass.
        shift: (m,) identity shifts.
    """

    reference: np.ndarray
    target: np.ndarray
    plan: np.ndarray
    shift: np.ndarray


def settings(config: RunConfig) -> tuple[elim.Config, str]:
    """How a run's method matches, and a remark where it does not match by transport itself."""
    own = config.method_config()
    if isinstance(own, elim.Config) and not isinstance(own, elim_attention.Config):
        return own, ""
    return elim.Config(), f"{config.method_name} does not match by transport: here as ELIM's defaults would."


def match(
    features: np.ndarray, target: np.ndarray, identity: np.ndarray, config: elim.Config, *, seed: int = 0
) -> list[Match]:
    """Match some identities of a split with some others.

    Args:
        features: (n, d) features z.
        target: (n, 2) labels.
        identity: (n,) codes.
        config: how; `samples` counts up to `SAMPLES`.
        seed: draws identities and samples.

    Returns:
        A match for each pair of a reference and a target identity.

    Raises:
        DataError: fewer than two identities have two samples.

    Source: Kim & Song 2022, Eq. 2, 3, 7 and 8, Fig. 5.
    """
    rng = np.random.default_rng(seed)
    groups = matching_groups(identity, identities=IDENTITIES, min_samples=PAIR, rng=rng)
    if not len(groups):
        raise DataError(
            f"{len(np.unique(identity))} identities in the split, at least two with {PAIR} samples wanted",
            hint="choose a split with more identities",
        )
    kept = select(
        torch.from_numpy(rng.permutation(groups)),
        torch.from_numpy(target).float(),
        sampling="gumbel" if config.sampling == "gumbel" else "none",
        k=min(config.samples, SAMPLES),
        generator=torch.Generator().manual_seed(seed),
    )[:, :SAMPLES]
    z, mask = gather(torch.from_numpy(features).float(), kept), kept != PADDING
    first = min(REFERENCES, len(kept) - 1)
    pairs = [(source, goal) for source in range(first) for goal in range(first, len(kept))]
    a, b, M = problems(
        z[:first],
        z[first:],
        mask[:first],
        mask[first:],
        weights=config.weights,
        norm=config.weight_normalisation,
        eps=config.eps,
    )
    real = mask[:first].repeat_interleave(len(kept) - first, dim=0)
    plan = plans(a, b, M, real, config, watch=Watch())
    shift = identity_shift(M, plan)
    found = []
    for number, (source, goal) in enumerate(pairs):
        rows, columns = mask[source], mask[goal]
        found.append(
            Match(
                kept[source][rows].numpy(),
                kept[goal][columns].numpy(),
                plan[number][rows][:, columns].numpy(),
                shift[number][columns].numpy(),
            )
        )
    return found
