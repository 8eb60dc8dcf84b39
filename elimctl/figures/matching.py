"""Matching of a few identities of a split, as a trained run's method matches those of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import torch

from elimctl.errors import ConfigError, DataError
from elimctl.loader.groups import PADDING, matching_groups
from elimctl.methods import elim, elim_attention
from elimctl.methods.matching import gather, problems, select
from elimctl.methods.shifts import plans
from elimctl.text import counted
from elimctl.train.config import RunConfig
from elimctl.transport.convergence import ConvergenceMonitor
from elimctl.transport.shift import identity_shift

IDENTITIES, REFERENCES = 5, 2  # drawn, and how many of them the others are matched to
SAMPLES = 10  # of an identity at most
PAIR = 2  # samples of an identity at least
SEPARATOR = ":"  # between the identities of a pair


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


def chosen_pairs(wanted: Sequence[str], names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of identities by their names.

    Args:
        wanted: pairs as `reference:target`; names may have colons themselves.
        names: of the identities of a split, by code.

    Returns:
        Codes of the reference and of the target identity of each pair.

    Raises:
        ConfigError: a pair has no colon, or an identity that is not in the split or is both; or colons in
            names leave open which two identities are meant.
    """
    return [_pair(text, {name: code for code, name in enumerate(names)}) for text in wanted]


def _pair(text: str, code: Mapping[str, int]) -> tuple[int, int]:
    parts = text.split(SEPARATOR)
    cuts = [(SEPARATOR.join(parts[:cut]), SEPARATOR.join(parts[cut:])) for cut in range(1, len(parts))]
    if not cuts:
        raise ConfigError(f"pair {text!r} is not REFERENCE:TARGET", hint="write --pair REFERENCE:TARGET")
    known = [
        (code[reference], code[target]) for reference, target in cuts if {reference, target} <= set(code)
    ]
    if len(known) > 1:
        raise ConfigError(
            f"pair {text!r} may be {len(known)} pairs of identities", hint="choose another pair"
        )
    if not known:
        likely = max(cuts, key=lambda cut: (cut[0] in code) + (cut[1] in code))
        missing = next(name for name in likely if name not in code)
        near = get_close_matches(missing, code, n=3, cutoff=0.4)
        raise ConfigError(
            f"no identity {missing!r} in the split, which has {len(code):,}",
            hint=f"write {' or '.join(map(repr, near))}"
            if near
            else f"choose one such as {next(iter(code))!r}",
        )
    if known[0][0] == known[0][1]:
        raise ConfigError(f"pair {text!r} names one identity twice", hint="name two identities")
    return known[0]


def match(
    features: np.ndarray,
    target: np.ndarray,
    identity: np.ndarray,
    config: elim.Config,
    *,
    pairs: Sequence[tuple[int, int]] = (),
    seed: int = 0,
) -> list[Match]:
    """Match some identities of a split with some others.

    Args:
        features: (n, d) features z.
        target: (n, 2) labels.
        identity: (n,) codes.
        config: how; `samples` counts up to `SAMPLES`.
        pairs: codes of a reference and a target identity; none for some identities that the seed draws.
        seed: draws identities and samples.

    Returns:
        A match for each pair of a reference and a target identity.

    Raises:
        DataError: fewer than two identities have two samples, or one of a pair that was asked for has not.

    Source: Kim & Song 2022, Eq. 2, 3, 7 and 8, Fig. 5.
    """
    rng = np.random.default_rng(seed)
    groups, rows = _named(identity, pairs, rng=rng) if pairs else _drawn(identity, rng=rng)
    kept = select(
        torch.from_numpy(groups),
        torch.from_numpy(target).float(),
        sampling="gumbel" if config.sampling == "gumbel" else "none",
        k=min(config.samples_per_identity, SAMPLES),
        generator=torch.Generator().manual_seed(seed),
    )[:, :SAMPLES]
    z, mask = gather(torch.from_numpy(features).float(), kept), kept != PADDING
    sources, goals = (sorted({pair[side] for pair in rows}) for side in (0, 1))
    a, b, M = problems(
        z[sources],
        z[goals],
        mask[sources],
        mask[goals],
        weights=config.weights,
        norm=config.weight_normalisation,
        eps=config.eps,
    )
    real = mask[sources].repeat_interleave(len(goals), dim=0)
    plan = plans(a, b, M, real, config, monitor=ConvergenceMonitor())
    shift = identity_shift(M, plan)
    found = []
    for source, goal in rows:
        number = sources.index(source) * len(goals) + goals.index(goal)
        real_sources, real_goals = mask[source], mask[goal]
        found.append(
            Match(
                kept[source][real_sources].numpy(),
                kept[goal][real_goals].numpy(),
                plan[number][real_sources][:, real_goals].numpy(),
                shift[number][real_goals].numpy(),
            )
        )
    return found


def _drawn(identity: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Positions of the samples of some identities, a row for each, and the rows of each pair of them."""
    groups = matching_groups(identity, identities=IDENTITIES, min_samples=PAIR, rng=rng)
    if not len(groups):
        count = counted(len(np.unique(identity)), "identity", "identities")
        raise DataError(
            f"{count} in the split, at least two with {PAIR} samples wanted",
            hint="choose a split with more identities",
        )
    first = min(REFERENCES, len(groups) - 1)
    rows = [(source, goal) for source in range(first) for goal in range(first, len(groups))]
    return rng.permutation(groups), rows


def _named(
    identity: np.ndarray, pairs: Sequence[tuple[int, int]], *, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The same of pairs of identities that were asked for."""
    codes = sorted({code for pair in pairs for code in pair})
    own = np.flatnonzero(np.isin(identity, codes))
    groups = matching_groups(identity[own], identities=len(codes), min_samples=PAIR, rng=rng)
    if len(groups) < len(codes):
        raise DataError(
            f"an identity of {counted(len(pairs), 'pair')} has fewer than {PAIR} samples",
            hint="choose pairs of identities with more samples",
        )
    rows = [(codes.index(source), codes.index(goal)) for source, goal in pairs]
    return np.where(groups == PADDING, PADDING, own[groups]), rows
