"""Which identities of a batch are matched with each other."""

import numpy as np
from jaxtyping import Int64, Integer

PADDING = -1


def matching_groups(
    identity: Integer[np.ndarray, " B"], *, identities: int, min_samples: int, rng: np.random.Generator
) -> Int64[np.ndarray, "N n"]:
    """Draw the identities that take part in matching, among those with enough samples.

    Args:
        identity: code of each sample's identity.
        identities: N, identities to draw; all are taken if fewer have enough samples.
        min_samples: samples that an identity needs in the batch, >= 2.
        rng: decides the draw.

    Returns:
        Positions in the batch, identities by code, ascending within an identity, padded at the end with
        -1; of shape (0, 0) if fewer than two identities have enough samples.

    Source: decisions A.10 rows 19, 23 and 25.
    """
    codes, counts = np.unique(identity, return_counts=True)
    drawn = np.sort(rng.permutation(codes[counts >= min_samples])[:identities])
    if len(drawn) < 2:
        return np.empty((0, 0), dtype=np.int64)
    members = [np.flatnonzero(identity == code) for code in drawn]
    groups = np.full((len(members), max(map(len, members))), PADDING, dtype=np.int64)
    for row, positions in zip(groups, members, strict=True):
        row[: len(positions)] = positions
    return groups


def share(count: int, rank: int, ranks: int) -> slice:
    """One rank's part of a row of things.

    Args:
        count: things, >= 0.
        rank: which part, in [0, ranks).
        ranks: parts, >= 1.

    Returns:
        A slice without gaps or overlaps with those of the other ranks, in their order; the sizes differ by at
        most 1, the larger ones first, as `numpy.array_split` has them.
    """
    assert 0 <= rank < ranks
    size, larger = divmod(count, ranks)
    start = rank * size + min(rank, larger)
    return slice(start, start + size + (rank < larger))


def shares(count: int, ranks: int, *, unit: int = 1) -> tuple[int, ...]:
    """Sizes of the parts of all ranks, as `share` makes them.

    Args:
        count: things, a multiple of `unit`.
        ranks: parts, >= 1.
        unit: things that stay together, where there are units enough for all.
    """
    if count // unit < ranks:
        unit = 1
    parts = (share(count // unit, rank, ranks) for rank in range(ranks))
    return tuple(unit * (part.stop - part.start) for part in parts)
